//! The static file: what it says, every fault with its line, reloading.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail loudly")]

#[path = "support/watched.rs"]
mod watched;

use std::time::Duration;

use svcflow_topology::sources::file::{File, parse};
use svcflow_topology::sources::{Source, system_now};
use svcflow_topology::{Snapshot, SourceState, document};
use watched::Watched;

const EXAMPLE: &str = r#"
[[service]]
name = "app-svc"
tenant = "default"
addresses = ["100.1.1.3", "fd64:1:1::3"]
ports = ["8080:80:TCP", "53:53:UDP"]
selectors = { tier = "web" }

[[service]]
name = "db"
addresses = ["100.1.1.4"]
providers = ["10.1.1.15"]
labels = ["team=shop"]

[[owner]]
name = "web-1"
addresses = ["10.1.1.1", "fd10:1:1::1"]
labels = ["tier=web"]
node = "node-1"

[[owner]]
name = "office"
addresses = ["192.168.0.0/16"]
"#;

#[test]
fn it_says_services_and_owners() {
    let facts = parse(EXAMPLE, None).unwrap();
    let names: Vec<_> = facts.services.iter().map(|it| it.full_name()).collect();
    assert_eq!(names, ["default:app-svc", "db"]);
    assert_eq!(facts.services[0].ports[1].to_string(), "53:53:UDP");
    assert_eq!(facts.services[1].labels.get("team"), Some("shop"));
    assert_eq!(facts.owners[1].addresses[0].to_string(), "192.168.0.0/16");
    assert_eq!(parse("", None).unwrap(), Default::default());
}

#[test]
fn all_faults_come_together_with_their_lines() {
    let text = "nodes = 3\n[[service]]\nname = 4\naddresses = [\"10.1.1.0/24\"]\nports = [\"x\"]\n\
                color = \"red\"\n[[service]]\nname = \"x\"\n[[owner]]\nname = \" \"\naddresses = []\n\
                labels = [\"a\"]\n[owner2]\n";
    let error = parse(text, Some("names.toml".as_ref())).unwrap_err().to_string();
    for expected in [
        "names.toml:1: `nodes`: unknown key; there are [[service]] and [[owner]]",
        "names.toml:3: `name`: expected text in quotes",
        "names.toml:4: `addresses`: `10.1.1.0/24` is no address",
        "names.toml:5: `ports`: `x` is no port of a service: write `8080:80:TCP`",
        "names.toml:6: `color`: unknown key; a service has name, tenant,",
        "names.toml:7: `addresses` is missing",
        "names.toml:10: `name`: give it a name",
        "names.toml:11: `addresses`: expected one at least",
        "names.toml:12: `labels`: `a` has no `=`",
        "names.toml:13: `owner2`: unknown key",
    ] {
        assert!(error.contains(expected), "{expected}\nnot in\n{error}");
    }
    assert_eq!(error.lines().count(), 10, "{error}");
    let error = |text| parse(text, Some("names".as_ref())).unwrap_err().to_string();
    let unfinished = error("[[owner]]\nname = \n");
    assert!(unfinished.contains("names:2: "), "{unfinished}");
    assert!(error("[service]\nname = \"x\"\n").contains("names:1: `service`: write [[service]]"));
    let twice = "[[owner]]\nname = \"a\"\naddresses = [\"1.1.1.1\"]\n".repeat(2);
    assert!(error(&twice).contains("owner `a` stands there twice"));
}

fn services(snapshot: &Snapshot) -> usize {
    document::services(snapshot, system_now()(), &[]).children.len()
}

#[tokio::test]
async fn it_is_read_again_when_it_changes_and_a_faulty_one_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("names.toml");
    let file = File::new(path.clone()).every(Duration::from_millis(20));
    assert_eq!(file.name(), "static");
    let watched = Watched::start(vec![Box::new(file)]);
    let soon = Duration::from_secs(60);
    let state = |it: &Snapshot| it.sources()[0].state.clone();
    watched.until("failed", soon, |it| matches!(state(it), SourceState::Failed { .. })).await;
    std::fs::write(&path, EXAMPLE).unwrap();
    watched.until("there", soon, |it| services(it) == 2).await;
    std::fs::write(&path, "[[service]]\nname = 3\n").unwrap();
    let stale = watched.until("stale", soon, |it| state(it).age(system_now()()).is_some()).await;
    assert!(format!("{:?}", state(&stale)).contains("names.toml:2: `name`"), "{stale:?}");
    assert_eq!(services(&stale), 2, "the names stay");
    // Replaced as editors do it.
    let other = folder.path().join("other.toml");
    std::fs::write(&other, &EXAMPLE[..EXAMPLE.find("[[owner]]").unwrap()]).unwrap();
    std::fs::rename(&other, &path).unwrap();
    let is_new = |it: &Snapshot| it.owner("10.1.1.1".parse().unwrap(), system_now()()).is_none();
    let snapshot = watched.until("replaced", soon, is_new).await;
    assert_eq!((services(&snapshot), state(&snapshot).age(system_now()())), (2, None));
}
