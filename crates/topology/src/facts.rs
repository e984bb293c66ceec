use svcflow_model::Timestamp;

use crate::{Owner, Record, Service};

/// Everything that a source knew at one instant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// Who has which addresses.
    pub owners: Vec<Owner>,
    /// Which services there are.
    pub services: Vec<Service>,
    /// What the source said and nobody could read, or couldn't be asked for: each one sentence.
    pub faults: Vec<String>,
}

/// One word of a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Update {
    /// All there was when the source was asked, at `at`: what it doesn't hold is no more, unless it was
    /// told of after.
    Listed {
        /// When the source was asked, not when it answered.
        at: Timestamp,
        /// All there was.
        facts: Facts,
    },
    /// An owner began or changed.
    Owner {
        /// When.
        at: Timestamp,
        /// As it is now.
        owner: Owner,
    },
    /// A service began or changed.
    Service {
        /// When.
        at: Timestamp,
        /// As it is now.
        service: Service,
    },
    /// An owner ended.
    OwnerEnded {
        /// When.
        at: Timestamp,
        /// Which.
        identity: String,
    },
    /// A service ended.
    ServiceEnded {
        /// When.
        at: Timestamp,
        /// Which.
        identity: String,
    },
    /// Tenures that another svcflow keeps: each began, and maybe ended, when it says.
    Told {
        /// When that was asked.
        at: Timestamp,
        /// In the order of their telling.
        records: Vec<Record>,
        /// What the sources there said and nobody could read, or couldn't be asked for.
        faults: Vec<String>,
    },
    /// The source could not be asked, or its answer not be read. What it last said stays, as stale.
    Failed {
        /// When.
        at: Timestamp,
        /// Why, and what to do about it.
        error: String,
    },
}
