//! The text of a `telegraf.conf` (contracts.md 4).

use std::fmt::Write;

use toml::Table;

use crate::args::TelegrafPlugin;

const BEGIN: &str =
    "# svcflow: begin (made by `svcflow telegraf-config`; run it again to renew this part)";
const BEGINS: &str = "# svcflow: begin";
const END: &str = "# svcflow: end";
const TAGS: &str = r#"["EndpointIP", "ProviderIP", "ServiceIP"]"#;

/// What a configuration is made of.
pub(super) struct Conf<'c> {
    /// What is asked for.
    pub(super) urls: &'c [String],
    pub(super) plugin: TelegrafPlugin,
    /// Where the points go.
    pub(super) influxdb: &'c str,
    pub(super) retention_policy: &'c str,
    /// The user's own file, to begin with.
    pub(super) base: Option<&'c str>,
}

impl Conf<'_> {
    /// The whole file.
    ///
    /// # Errors
    /// Where the base is no TOML, or what comes of it would be none.
    pub(super) fn text(&self) -> Result<String, toml::de::Error> {
        let base = self.base.map(without_ours).unwrap_or_default();
        let known: Table = base.parse()?;
        let mut text = base;
        if !known.contains_key("agent") {
            self.agent(&mut text);
        }
        if !known.contains_key("outputs") {
            self.output(&mut text);
        }
        self.inputs(&mut text);
        text.parse::<Table>().map(|_| text)
    }

    fn agent(&self, text: &mut String) {
        text.push_str(
            "[agent]\n  interval = \"10s\"\n  round_interval = true\n  metric_batch_size = 1000\n  \
             metric_buffer_limit = 10000\n  flush_interval = \"10s\"\n",
        );
        // Newer Telegrafs know precision here, older ones in the output.
        if self.plugin == TelegrafPlugin::Http {
            text.push_str("  precision = \"1s\"\n");
        }
        text.push('\n');
    }

    fn output(&self, text: &mut String) {
        let url = quoted(self.influxdb);
        let policy = quoted(self.retention_policy);
        let _ = write!(
            text,
            "[[outputs.influxdb]]\n  urls = [{url}]\n  database = \"telegraf\"\n  \
             retention_policy = {policy}\n  timeout = \"5s\"\n"
        );
        if self.plugin == TelegrafPlugin::Httpjson {
            text.push_str("  precision = \"s\"\n");
        }
        text.push('\n');
    }

    fn inputs(&self, text: &mut String) {
        let urls: String = self.urls.iter().map(|url| format!("    {},\n", quoted(url))).collect();
        let _ = match self.plugin {
            TelegrafPlugin::Http => write!(
                text,
                "{BEGIN}\n[[inputs.http]]\n  urls = [\n{urls}  ]\n  data_format = \"json\"\n  \
                 tag_keys = {TAGS}\n  name_override = \"httpjson_svcstats\"\n  timeout = \"5s\"\n{END}\n"
            ),
            TelegrafPlugin::Httpjson => write!(
                text,
                "{BEGIN}\n[[inputs.httpjson]]\n  name = \"svcstats\"\n  servers = [\n{urls}  ]\n  \
                 method = \"GET\"\n  tag_keys = {TAGS}\n{END}\n"
            ),
        };
    }
}

/// A basic string of TOML.
fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

/// The user's file without the part that an earlier run added, ending in a line's end.
fn without_ours(base: &str) -> String {
    let mut ours = false;
    let mut text = String::with_capacity(base.len());
    for line in base.lines() {
        ours |= line.starts_with(BEGINS);
        if !ours {
            text.push_str(line);
            text.push('\n');
        }
        ours &= !line.starts_with(END);
    }
    text
}

/// Whether a user's file asks for the same already, by hand or by the old helper.
pub(super) fn asks_already(base: &str) -> bool {
    let Ok(table) = without_ours(base).parse::<Table>() else { return false };
    let inputs = table.get("inputs").and_then(|inputs| inputs.get("httpjson"));
    let mut all = inputs.and_then(|all| all.as_array()).into_iter().flatten();
    all.any(|input| input.get("name").and_then(|name| name.as_str()) == Some("svcstats"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn conf<'c>(urls: &'c [String], plugin: TelegrafPlugin, base: Option<&'c str>) -> Conf<'c> {
        let (influxdb, retention_policy) = ("http://localhost:8086", "default");
        Conf { urls, plugin, influxdb, retention_policy, base }
    }

    #[test]
    fn it_is_complete_with_the_contracts_values() {
        let urls = ["http://n1:4000/endpoints".to_owned(), "http://n2:4000/\"x\\".to_owned()];
        for plugin in [TelegrafPlugin::Http, TelegrafPlugin::Httpjson] {
            let table: Table = conf(&urls, plugin, None).text().unwrap().parse().unwrap();
            let agent = &table["agent"];
            assert_eq!(agent["interval"].as_str(), Some("10s"));
            assert_eq!(agent["round_interval"].as_bool(), Some(true));
            assert_eq!(agent["metric_batch_size"].as_integer(), Some(1000));
            assert_eq!(agent["metric_buffer_limit"].as_integer(), Some(10_000));
            assert_eq!(agent["flush_interval"].as_str(), Some("10s"));
            let output = &table["outputs"]["influxdb"][0];
            assert_eq!(output["urls"][0].as_str(), Some("http://localhost:8086"));
            assert_eq!(output["database"].as_str(), Some("telegraf"));
            assert_eq!(output["retention_policy"].as_str(), Some("default"));
            assert_eq!(output["timeout"].as_str(), Some("5s"));
            let (name, list) = match plugin {
                TelegrafPlugin::Http => ("http", "urls"),
                TelegrafPlugin::Httpjson => ("httpjson", "servers"),
            };
            let input = &table["inputs"][name][0];
            let found: Vec<_> =
                input[list].as_array().unwrap().iter().map(|it| it.as_str()).collect();
            assert_eq!(found, [Some(urls[0].as_str()), Some(urls[1].as_str())]);
            assert_eq!(input["tag_keys"].as_array().unwrap().len(), 3);
        }
    }

    #[test]
    fn a_users_file_stays_as_it_is_and_a_second_run_renews_only_our_part() {
        let base = "# mine\n[agent]\n  interval = \"30s\"\n[[outputs.file]]\n[[inputs.cpu]]\n";
        let first = ["http://a/endpoints".to_owned()];
        let text = conf(&first, TelegrafPlugin::Http, Some(base)).text().unwrap();
        assert!(text.starts_with(base), "{text}");
        let table: Table = text.parse().unwrap();
        assert_eq!(table["agent"]["interval"].as_str(), Some("30s"));
        assert!(table["outputs"].get("influxdb").is_none(), "the user's outputs are the user's");
        let second = ["http://b/endpoints".to_owned()];
        let again = conf(&second, TelegrafPlugin::Http, Some(&text)).text().unwrap();
        assert!(
            again.starts_with(base) && again.contains("http://b/") && !again.contains("http://a/")
        );
        assert_eq!(again.matches("[[inputs.http]]").count(), 1);
        assert!(conf(&first, TelegrafPlugin::Http, Some("[agent\n")).text().is_err());
        assert!(conf(&first, TelegrafPlugin::Http, Some("inputs = 3\n")).text().is_err());
        assert!(asks_already("[[inputs.httpjson]]\nname = \"svcstats\"\n"));
        assert!(!asks_already(&text));
    }
}
