//! Statements of every kind.

use proptest::prelude::*;
use svcflow_influxql::{
    AlterRetentionPolicy, Cardinality, ContinuousQuery, CreateDatabase, CreateRetentionPolicy,
    CreateSubscription, CreateUser, DatabasePolicy, Delete, DestinationMode, DropSeries,
    DropSubscription, Duration, Explain, Grant, Measurement, OnDatabase, Password, Privilege,
    Resample, RetentionDuration, Scope, SetPassword, Show, ShowCardinality, ShowFieldKeys,
    ShowMeasurements, ShowSeries, ShowTagKeys, ShowTagValues, Statement, TagKeyFilter,
};

use super::select::target;
use super::{
    dimension, expr, measurement, name, page, positive_duration, regex, select, sort_order,
};

pub(crate) fn statement() -> BoxedStrategy<Statement> {
    prop_oneof![
        4 => select().prop_map(|it| Statement::Select(Box::new(it))),
        1 => (any::<bool>(), select()).prop_map(|(analyze, select)| {
            Statement::Explain(Explain { analyze, select: Box::new(select) })
        }),
        4 => show().prop_map(Statement::Show),
        2 => changes(),
        2 => policies(),
        1 => queries(),
        1 => users(),
    ]
    .boxed()
}

fn scope() -> BoxedStrategy<Scope> {
    (prop::option::of(name()), prop::collection::vec(measurement(), 0..3))
        .prop_map(|(database, from)| Scope { database, from })
        .boxed()
}

fn filter() -> BoxedStrategy<TagKeyFilter> {
    prop_oneof![
        name().prop_map(TagKeyFilter::Equal),
        name().prop_map(TagKeyFilter::NotEqual),
        prop::collection::vec(name(), 1..3).prop_map(TagKeyFilter::In),
        regex().prop_map(TagKeyFilter::Matches),
        regex().prop_map(TagKeyFilter::NotMatches),
    ]
    .boxed()
}

fn cardinality() -> BoxedStrategy<Cardinality> {
    prop_oneof![
        Just(Cardinality::Series),
        Just(Cardinality::Measurement),
        Just(Cardinality::TagKey),
        filter().prop_map(Cardinality::TagValues),
        Just(Cardinality::FieldKey),
    ]
    .boxed()
}

fn show() -> BoxedStrategy<Show> {
    let fixed = prop::sample::select(vec![
        Show::ContinuousQueries,
        Show::Databases,
        Show::Queries,
        Show::ShardGroups,
        Show::Shards,
        Show::Subscriptions,
        Show::Users,
    ]);
    prop_oneof![
        1 => fixed,
        1 => any::<Option<String>>().prop_map(|module| Show::Diagnostics { module }),
        1 => any::<Option<String>>().prop_map(|module| Show::Stats { module }),
        1 => name().prop_map(|user| Show::Grants { user }),
        1 => prop::option::of(name()).prop_map(|database| Show::RetentionPolicies { database }),
        8 => schema(),
    ]
    .boxed()
}

fn schema() -> BoxedStrategy<Show> {
    let clauses = || (scope(), prop::option::of(expr(true)), sort_order(), page());
    prop_oneof![
        clauses().prop_map(|(scope, _, order, page)| Show::FieldKeys(ShowFieldKeys {
            scope,
            order,
            page
        })),
        clauses().prop_map(|(scope, condition, order, page)| {
            Show::Series(ShowSeries { scope, condition, order, page })
        }),
        (clauses(), page()).prop_map(|((scope, condition, order, page), series)| {
            Show::TagKeys(ShowTagKeys { scope, condition, order, page, series })
        }),
        (clauses(), filter()).prop_map(|((scope, condition, order, page), with)| {
            Show::TagValues(ShowTagValues { scope, with, condition, order, page })
        }),
        (clauses(), prop::option::of(measurement())).prop_map(
            |((scope, condition, order, page), with)| {
                let database = scope.database;
                Show::Measurements(ShowMeasurements { database, with, condition, order, page })
            }
        ),
        (clauses(), cardinality(), any::<bool>(), prop::collection::vec(dimension(), 0..3))
            .prop_map(|((scope, condition, _, page), of, exact, group_by)| {
                Show::Cardinality(ShowCardinality { of, exact, scope, condition, group_by, page })
            }),
    ]
    .boxed()
}

/// Measurements and a condition, at least one of the two, and nothing more qualified than allowed.
fn restriction() -> BoxedStrategy<(Vec<Measurement>, Option<svcflow_influxql::Expr>)> {
    let bare =
        measurement().prop_map(|it| Measurement { database: None, retention_policy: None, ..it });
    (prop::collection::vec(bare, 0..3), prop::option::of(expr(true)))
        .prop_filter("at least one", |(from, condition)| !from.is_empty() || condition.is_some())
        .boxed()
}

fn changes() -> BoxedStrategy<Statement> {
    prop_oneof![
        restriction().prop_map(|(from, condition)| Statement::Delete(Delete { from, condition })),
        restriction()
            .prop_map(|(from, condition)| Statement::DropSeries(DropSeries { from, condition })),
        name().prop_map(|name| Statement::DropMeasurement { name }),
        name().prop_map(|name| Statement::DropDatabase { name }),
        any::<u64>().prop_map(|id| Statement::DropShard { id }),
        (any::<u64>(), prop::option::of(name()))
            .prop_map(|(id, host)| Statement::KillQuery { id, host }),
    ]
    .boxed()
}

fn retention() -> impl Strategy<Value = RetentionDuration> {
    positive_duration().prop_map(|duration| match duration {
        Duration(0) => RetentionDuration::Infinite,
        duration => RetentionDuration::For(duration),
    })
}

fn policies() -> BoxedStrategy<Statement> {
    let copies = || 1..=i32::MAX.unsigned_abs();
    let shard = || prop::option::of(positive_duration());
    let options = || (prop::option::of(retention()), prop::option::of(copies()), shard());
    let first = (options(), prop::option::of(name()))
        .prop_map(|((duration, replication, shard_duration), name)| DatabasePolicy {
            duration,
            replication,
            shard_duration,
            name,
        })
        .prop_filter("at least one", |it| *it != DatabasePolicy::default());
    let database = (name(), prop::option::of(first))
        .prop_map(|(name, policy)| Statement::CreateDatabase(CreateDatabase { name, policy }));
    let create = (name(), name(), retention(), copies(), shard(), any::<bool>()).prop_map(
        |(name, database, duration, replication, shard_duration, default)| {
            let policy = CreateRetentionPolicy {
                name,
                database,
                duration,
                replication,
                shard_duration,
                default,
            };
            Statement::CreateRetentionPolicy(policy)
        },
    );
    let alter = (name(), name(), options(), any::<bool>())
        .prop_filter("at least one", |(_, _, (duration, copies, shard), default)| {
            duration.is_some() || copies.is_some() || shard.is_some() || *default
        })
        .prop_map(|(name, database, (duration, replication, shard_duration), default)| {
            let policy = AlterRetentionPolicy {
                name,
                database,
                duration,
                replication,
                shard_duration,
                default,
            };
            Statement::AlterRetentionPolicy(policy)
        });
    let drop = on_database().prop_map(Statement::DropRetentionPolicy);
    prop_oneof![database, create, alter, drop].boxed()
}

fn on_database() -> impl Strategy<Value = OnDatabase> {
    (name(), name()).prop_map(|(name, database)| OnDatabase { name, database })
}

fn subscription() -> impl Strategy<Value = DropSubscription> {
    (name(), name(), name()).prop_map(|(name, database, retention_policy)| DropSubscription {
        name,
        database,
        retention_policy,
    })
}

fn queries() -> BoxedStrategy<Statement> {
    let time = || prop::option::of(positive_duration());
    let resample = (time(), time())
        .prop_filter("at least one", |(every, over)| every.is_some() || over.is_some())
        .prop_map(|(every, over)| Resample { every, over });
    let create = (name(), name(), prop::option::of(resample), select(), target()).prop_map(
        |(name, database, resample, mut select, into)| {
            select.into = Some(into);
            let query = ContinuousQuery { name, database, resample, select: Box::new(select) };
            Statement::CreateContinuousQuery(query)
        },
    );
    let mode = prop_oneof![Just(DestinationMode::All), Just(DestinationMode::Any)];
    let subscribe = (subscription(), mode, prop::collection::vec(any::<String>(), 1..3)).prop_map(
        |(DropSubscription { name, database, retention_policy }, mode, destinations)| {
            let subscription =
                CreateSubscription { name, database, retention_policy, mode, destinations };
            Statement::CreateSubscription(subscription)
        },
    );
    prop_oneof![
        create,
        on_database().prop_map(Statement::DropContinuousQuery),
        subscribe,
        subscription().prop_map(Statement::DropSubscription),
    ]
    .boxed()
}

fn grant() -> impl Strategy<Value = Grant> {
    let privilege = prop::sample::select(vec![Privilege::Read, Privilege::Write, Privilege::All]);
    (privilege, name(), name()).prop_map(|(privilege, database, user)| Grant {
        privilege,
        database,
        user,
    })
}

/// With the one password that is written.
fn users() -> BoxedStrategy<Statement> {
    let password = || Password("[REDACTED]".to_owned());
    prop_oneof![
        (name(), any::<bool>()).prop_map(move |(name, admin)| {
            Statement::CreateUser(CreateUser { name, password: password(), admin })
        }),
        name().prop_map(move |user| Statement::SetPassword(SetPassword {
            user,
            password: password()
        })),
        name().prop_map(|name| Statement::DropUser { name }),
        grant().prop_map(Statement::Grant),
        grant().prop_map(Statement::Revoke),
        name().prop_map(|user| Statement::GrantAdmin { user }),
        name().prop_map(|user| Statement::RevokeAdmin { user }),
    ]
    .boxed()
}
