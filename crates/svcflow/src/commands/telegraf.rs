//! For those who keep Telegraf: its configuration, and a plugin for its `inputs.execd`.

mod conf;
pub(crate) mod config;
pub(crate) mod plugin;
