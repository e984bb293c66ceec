use super::*;

fn steps(text: &str) -> std::result::Result<Vec<Step>, Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("one.yaml");
    std::fs::write(&path, text)?;
    Ok(Scenario::read(&path)?.steps(Now(60_000_000_000))?)
}

fn requests(text: &str) -> Vec<String> {
    let told = |step: &Step| {
        let body = String::from_utf8_lossy(&step.request.body).into_owned();
        format!("{} {} {body}", step.request.method, step.request.target).trim_end().to_owned()
    };
    steps(text).unwrap().iter().map(told).collect()
}

#[test]
fn a_query_goes_by_the_method_that_clients_take() {
    let text = "
about: x
db: t
steps:
  - SELECT v FROM m
  - DROP MEASUREMENT m
  - { q: SHOW DATABASES, method: POST-URL, db: '', chunk_size: 3 }
";
    assert_eq!(
        requests(text),
        [
            "POST /query q=CREATE+DATABASE+%22t%22&db=t",
            "GET /query?q=SELECT+v+FROM+m&db=t",
            "POST /query q=DROP+MEASUREMENT+m&db=t",
            "POST /query?q=SHOW+DATABASES&chunk_size=3",
        ]
    );
}

#[test]
fn lines_are_generated_and_times_filled() {
    let text = "
about: x
steps:
  - { write: \"m v=${i*2}i ${i}\\n\", for: 0..3, db: t }
  - { write: 'm v=1 ${now-30s}', db: t, precision: s }
";
    assert_eq!(
        requests(text),
        ["POST /write?db=t m v=0i 0\nm v=2i 1\nm v=4i 2", "POST /write?db=t&precision=s m v=1 30"]
    );
}

#[test]
fn a_template_is_repeated_for_each_combination() {
    let text = "
about: x
steps:
  - { q: 'SELECT ${f}(v) FROM m${by}', with: { f: [mean, sum], by: ['', ' GROUP BY h'] } }
";
    let labels: Vec<_> = steps(text).unwrap().into_iter().map(|step| step.label).collect();
    assert_eq!(labels.len(), 4);
    assert!(labels[1].starts_with("SELECT sum(v) FROM m "), "{}", labels[1]);
}

#[test]
fn what_a_scenario_does_not_have_is_refused() {
    for text in [
        "steps: []",
        "{ about: x, steps: [{ q: a, colour: red }] }",
        "{ about: x, steps: [{ epoch: ns }] }",
        "{ about: x, steps: [{ q: '${f}' }] }",
        "{ about: x, steps: [{ write: a, for: 1-2 }] }",
        "{ about: x, steps: [{ request: /ping }] }",
    ] {
        assert!(steps(text).is_err(), "{text}");
    }
}
