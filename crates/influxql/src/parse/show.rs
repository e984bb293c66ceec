//! `SHOW`.

use super::{Parser, Result};
use crate::keyword::Keyword;
use crate::parse::statement::keyword;
use crate::token::Symbol;
use crate::{
    Cardinality, Show, ShowCardinality, ShowFieldKeys, ShowMeasurements, ShowSeries, ShowTagKeys,
    ShowTagValues, TagKeyFilter,
};

impl Parser<'_> {
    /// What follows `SHOW`.
    pub(super) fn show(&mut self) -> Result<Show> {
        let word = self.next();
        match keyword(&word) {
            Some(Keyword::Continuous) => {
                self.expect(Keyword::Queries).map(|()| Show::ContinuousQueries)
            }
            Some(Keyword::Databases) => Ok(Show::Databases),
            Some(Keyword::Diagnostics) => Ok(Show::Diagnostics { module: self.module()? }),
            Some(Keyword::Field) => self.show_field(),
            Some(Keyword::Grants) => {
                self.expect(Keyword::For)?;
                Ok(Show::Grants { user: self.identifier()? })
            }
            Some(Keyword::Measurement) => self.cardinality_of(|_| Ok(Cardinality::Measurement)),
            Some(Keyword::Measurements) => self.show_measurements().map(Show::Measurements),
            Some(Keyword::Queries) => Ok(Show::Queries),
            Some(Keyword::Retention) => {
                self.expect(Keyword::Policies)?;
                Ok(Show::RetentionPolicies { database: self.on()? })
            }
            Some(Keyword::Series) => self.show_series(),
            Some(Keyword::Shard) => self.expect(Keyword::Groups).map(|()| Show::ShardGroups),
            Some(Keyword::Shards) => Ok(Show::Shards),
            Some(Keyword::Stats) => Ok(Show::Stats { module: self.module()? }),
            Some(Keyword::Subscriptions) => Ok(Show::Subscriptions),
            Some(Keyword::Tag) => self.show_tag(),
            Some(Keyword::Users) => Ok(Show::Users),
            _ => Err(Self::expected(
                &word,
                &[
                    "CONTINUOUS",
                    "DATABASES",
                    "DIAGNOSTICS",
                    "FIELD",
                    "GRANTS",
                    "MEASUREMENT",
                    "MEASUREMENTS",
                    "QUERIES",
                    "RETENTION",
                    "SERIES",
                    "SHARD",
                    "SHARDS",
                    "STATS",
                    "SUBSCRIPTIONS",
                    "TAG",
                    "USERS",
                ],
            )),
        }
    }

    /// Reads `[FOR '…']`.
    fn module(&mut self) -> Result<Option<String>> {
        if self.accept(Keyword::For) { self.string().map(Some) } else { Ok(None) }
    }

    fn show_field(&mut self) -> Result<Show> {
        let word = self.next();
        match keyword(&word) {
            Some(Keyword::Key) => self.cardinality_of(|_| Ok(Cardinality::FieldKey)),
            Some(Keyword::Keys) => Ok(Show::FieldKeys(ShowFieldKeys {
                scope: self.scope()?,
                order: self.order()?,
                page: self.page()?,
            })),
            _ => Err(Self::expected(&word, &["KEY", "KEYS"])),
        }
    }

    fn show_measurements(&mut self) -> Result<ShowMeasurements> {
        let database = self.on()?;
        let mut with = None;
        if self.accept(Keyword::With) {
            self.expect(Keyword::Measurement)?;
            if !self.accept_symbol(Symbol::Equal) && !self.accept_symbol(Symbol::Matches) {
                return Err(Self::expected(&self.peek(), &["=", "=~"]));
            }
            with = Some(self.measurement()?);
        }
        let condition = self.condition()?;
        Ok(ShowMeasurements { database, with, condition, order: self.order()?, page: self.page()? })
    }

    fn show_series(&mut self) -> Result<Show> {
        let exact = self.accept(Keyword::Exact);
        if self.accept(Keyword::Cardinality) {
            return self.cardinality(exact, |_| Ok(Cardinality::Series));
        }
        // As in InfluxDB, EXACT without CARDINALITY means nothing.
        Ok(Show::Series(ShowSeries {
            scope: self.scope()?,
            condition: self.condition()?,
            order: self.order()?,
            page: self.page()?,
        }))
    }

    fn show_tag(&mut self) -> Result<Show> {
        let word = self.next();
        match keyword(&word) {
            Some(Keyword::Key) => self.cardinality_of(|_| Ok(Cardinality::TagKey)),
            Some(Keyword::Keys) => Ok(Show::TagKeys(ShowTagKeys {
                scope: self.scope()?,
                condition: self.condition()?,
                order: self.order()?,
                page: self.page()?,
                series: self.series_page()?,
            })),
            Some(Keyword::Values) => self.show_tag_values(),
            _ => Err(Self::expected(&word, &["KEY", "KEYS", "VALUES"])),
        }
    }

    fn show_tag_values(&mut self) -> Result<Show> {
        let exact = self.accept(Keyword::Exact);
        if exact {
            self.expect(Keyword::Cardinality)?;
        }
        if exact || self.accept(Keyword::Cardinality) {
            return self
                .cardinality(exact, |parser| parser.tag_key_filter().map(Cardinality::TagValues));
        }
        Ok(Show::TagValues(ShowTagValues {
            scope: self.scope()?,
            with: self.tag_key_filter()?,
            condition: self.condition()?,
            order: self.order()?,
            page: self.page()?,
        }))
    }

    /// Reads `WITH KEY …`.
    fn tag_key_filter(&mut self) -> Result<TagKeyFilter> {
        self.expect(Keyword::With)?;
        self.expect(Keyword::Key)?;
        if self.accept(Keyword::In) {
            self.expect_symbol(Symbol::LeftParen)?;
            let keys = self.identifiers()?;
            self.expect_symbol(Symbol::RightParen)?;
            Ok(TagKeyFilter::In(keys))
        } else if self.accept_symbol(Symbol::Equal) {
            self.identifier().map(TagKeyFilter::Equal)
        } else if self.accept_symbol(Symbol::NotEqual) {
            self.identifier().map(TagKeyFilter::NotEqual)
        } else if self.accept_symbol(Symbol::Matches) {
            self.expect_regex().map(|(regex, _)| TagKeyFilter::Matches(regex))
        } else if self.accept_symbol(Symbol::NotMatches) {
            self.expect_regex().map(|(regex, _)| TagKeyFilter::NotMatches(regex))
        } else {
            Err(Self::expected(&self.peek(), &["IN", "=", "=~"]))
        }
    }

    /// Reads `[EXACT] CARDINALITY …`, the only thing that may follow.
    fn cardinality_of(&mut self, of: fn(&mut Self) -> Result<Cardinality>) -> Result<Show> {
        let exact = self.accept(Keyword::Exact);
        if !self.accept(Keyword::Cardinality) {
            let expected: &[_] = if exact { &["CARDINALITY"] } else { &["EXACT", "CARDINALITY"] };
            return Err(Self::expected(&self.peek(), expected));
        }
        self.cardinality(exact, of)
    }

    /// What follows `CARDINALITY`; `of` reads what belongs to one kind only.
    fn cardinality(
        &mut self,
        exact: bool,
        of: fn(&mut Self) -> Result<Cardinality>,
    ) -> Result<Show> {
        let scope = self.scope()?;
        Ok(Show::Cardinality(ShowCardinality {
            of: of(self)?,
            exact,
            scope,
            condition: self.condition()?,
            group_by: self.dimensions()?,
            page: self.page()?,
        }))
    }
}
