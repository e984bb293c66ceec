//! Chooses how to count on this host, and says why.

use std::fmt;
use std::str::FromStr;

use crate::{ConntrackSource, FrameSource, NftablesSource, SourceError};

/// Which source the user asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Preference {
    /// nftables where it is permitted and there, else conntrack.
    #[default]
    Auto,
    /// nftables or an error.
    Nftables,
    /// conntrack or an error: observes only, changes nothing.
    Conntrack,
    /// Contiv's Netplugin, over HTTP: nothing of this host's kernel is looked at.
    Contiv,
}

impl Preference {
    const NAMES: [(&'static str, Self); 4] = [
        ("auto", Self::Auto),
        ("nftables", Self::Nftables),
        ("conntrack", Self::Conntrack),
        ("contiv", Self::Contiv),
    ];
}

impl FromStr for Preference {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Self::NAMES.iter().find(|(name, _)| *name == text);
        found.map(|(_, preference)| *preference).ok_or_else(|| {
            format!("unknown source `{text}`: expected `auto`, `nftables`, `conntrack` or `contiv`")
        })
    }
}

impl fmt::Display for Preference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let found = Self::NAMES.iter().find(|(_, preference)| preference == self);
        f.pad(found.map_or("auto", |(name, _)| name))
    }
}

/// Opens a source of the kernel in the calling thread's network namespace.
///
/// # Errors
/// Where the chosen source, or with `auto` none, can be had; the message names the remedy.
pub fn open(preference: Preference) -> Result<Box<dyn FrameSource>, SourceError> {
    match preference {
        Preference::Contiv => Err(SourceError::failed("reading Contiv as a source of the kernel")(
            "it answers over HTTP: keep what `curl http://127.0.0.1:9090/svcstats` prints instead",
        )),
        Preference::Nftables => {
            Ok(Box::new(NftablesSource::open("the configuration asks for it")?))
        }
        Preference::Conntrack => {
            Ok(Box::new(ConntrackSource::open("the configuration asks for it")?))
        }
        Preference::Auto => match NftablesSource::open("the kernel counts, at any connection rate")
        {
            Ok(source) => Ok(Box::new(source)),
            // Without the capability conntrack fails too, and this error is the one with the remedy.
            Err(error @ SourceError::NotPermitted { .. }) => Err(error),
            Err(error) => {
                let reason = format!("nftables can't be used: {}", error.chain());
                tracing::warn!("{reason}");
                Ok(Box::new(ConntrackSource::open(&reason)?))
            }
        },
    }
}
