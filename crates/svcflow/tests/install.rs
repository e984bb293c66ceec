//! What `make install` puts where, and that the units' command lines are the program's.

use std::path::{Path, PathBuf};
use std::process::Command;

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

#[test]
fn everything_is_installed_and_the_units_command_lines_are_understood() {
    let root = tempfile::tempdir().unwrap();
    let binary = env!("CARGO_BIN_EXE_svcflow");
    let script = repository().join("scripts/install");
    let done = Command::new(script)
        .args([Path::new(binary), root.path(), Path::new("/opt/svcflow")])
        .output()
        .unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let prefix = root.path().join("opt/svcflow");
    for file in [
        "bin/svcflow",
        "share/man/man1/svcflow.1",
        "share/man/man1/svcflow-standalone.1",
        "share/bash-completion/completions/svcflow",
        "share/zsh/site-functions/_svcflow",
        "share/fish/vendor_completions.d/svcflow.fish",
    ] {
        assert!(prefix.join(file).metadata().unwrap().len() > 0, "{file}");
    }
    for name in ["agent", "server", "standalone"] {
        let path = prefix.join(format!("lib/systemd/system/svcflow-{name}.service"));
        let unit = std::fs::read_to_string(path).unwrap();
        let line = unit.lines().find_map(|line| line.strip_prefix("ExecStart=")).unwrap();
        let line = line.replace("${STATE_DIRECTORY}", "/var/lib/svcflow");
        let mut words = line.split(' ');
        assert_eq!(words.next(), Some("/opt/svcflow/bin/svcflow"));
        // An option that isn't known is refused before help is given.
        let words = words.map(|word| if word == "$ARGS" { "--help" } else { word });
        let help = Command::new(binary).args(words).output().unwrap();
        assert!(help.status.success(), "{}", String::from_utf8_lossy(&help.stderr));
        assert!(unit.contains(&format!("Documentation=man:svcflow-{name}(1)")));
    }
}
