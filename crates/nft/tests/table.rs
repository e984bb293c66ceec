//! The table's life: installed, listed, adopted, owned, lost, restored, removed.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "helpers of tests")]

mod support;

use std::process::{Command, Stdio};
use std::time::Duration;

use support::{in_namespace, load, nft_input, options, read, run};
use svcflow_nft::{Error, Health, Installed, Options, Table};

#[test]
fn nft_lists_what_it_loads_again() {
    in_namespace(|| {
        let (mut table, installed) = Table::install(options()).unwrap();
        assert_eq!(installed, Installed::Fresh);
        traffic::udp("127.0.0.1", 9_000, &[100, 200]);
        read(&mut table);
        table.grow(0).unwrap();
        let listed = run("nft", "list ruleset");
        assert!(listed.contains("jhash") && listed.contains("svcflow epoch="), "{listed}");
        let (taken, said) = nft_input(&["-c"], &listed);
        assert!(taken, "{said}\n{listed}");
        assert!(!listed.contains("invalid type"), "{listed}");
        // Numbers of shards are read back as they were, not byte-swapped.
        assert!(listed.contains("{ 0 : goto") && listed.contains(" 1 : goto"), "{listed}");
    });
}

#[test]
fn a_table_outlives_its_process_and_is_adopted() {
    in_namespace(|| {
        let (table, _) = Table::install(options()).unwrap();
        let origin = table.origin();
        traffic::udp("127.0.0.1", 9_000, &[100]);
        drop(table);
        let (mut table, installed) = Table::install(options()).unwrap();
        assert_eq!(installed, Installed::Adopted);
        assert_eq!(table.origin(), origin);
        assert_eq!(support::total(&read(&mut table).0, |_| true), (1, 128));
        drop(table);
        let other = Options { timeout: Duration::from_secs(60), ..options() };
        let (table, installed) = Table::install(other).unwrap();
        assert!(matches!(installed, Installed::Replaced { .. }), "{installed:?}");
        assert_ne!(table.origin().id, origin.id);
    });
}

#[test]
fn a_grown_table_is_adopted_with_its_shards() {
    in_namespace(|| {
        let (mut table, _) = Table::install(options()).unwrap();
        traffic::udp("127.0.0.1", 9_000, &[100]);
        read(&mut table);
        assert_eq!(table.grow(0).unwrap(), 1);
        let sets = table.set_count();
        assert_eq!(table.check().unwrap(), Health::Intact);
        drop(table);
        let (table, installed) = Table::install(options()).unwrap();
        assert_eq!((installed, table.set_count()), (Installed::Adopted, sets));
    });
}

#[test]
fn an_owned_table_survives_others_and_is_taken_over_after_a_crash() {
    in_namespace(|| {
        let owned = Options { owner: true, ..options() };
        let (mut table, _) = Table::install(owned.clone()).unwrap();
        if !table.owned() {
            eprintln!("SKIPPED: this kernel has no `persist` (6.9)");
            return;
        }
        let origin = table.origin();
        traffic::udp("127.0.0.1", 9_000, &[100]);
        load("flush ruleset");
        assert_eq!(table.check().unwrap(), Health::Intact);
        let second = Table::install(owned.clone()).unwrap_err();
        assert!(matches!(second, Error::Owned { .. }), "{second:?}");
        assert!(!delete_with_nft());
        let listed = run("nft", "list ruleset");
        // Where the table isn't yet, as at boot, a saved ruleset loads. Here it can't: nobody but the
        // owner may touch the table, and the whole ruleset is refused with it.
        let saved = format!("flush ruleset\n{listed}");
        assert!(!nft_input(&["-c"], &saved).0);
        std::thread::scope(|scope| {
            let boot = scope.spawn(|| {
                support::enter();
                nft_input(&["-c"], &saved)
            });
            let (taken, said) = boot.join().unwrap();
            assert!(taken, "{said}");
        });
        drop(table);
        let (mut table, installed) = Table::install(owned).unwrap();
        assert_eq!((installed, table.owned()), (Installed::Adopted, true));
        assert_eq!(table.origin(), origin);
        assert_eq!(support::total(&read(&mut table).0, |_| true), (1, 128));
        table.remove().unwrap();
    });
}

#[test]
fn a_deleted_table_is_noticed_and_repaired() {
    in_namespace(|| {
        let (mut table, _) = Table::install(options()).unwrap();
        let origin = table.origin();
        assert_eq!(table.check().unwrap(), Health::Intact);
        load("table ip unrelated { chain c {\n}\n}\n");
        assert_eq!(table.check().unwrap(), Health::Intact);
        load("flush ruleset");
        assert_eq!(table.check().unwrap(), Health::Gone);
        assert_eq!(table.repair().unwrap(), Installed::Fresh);
        assert_eq!(table.check().unwrap(), Health::Intact);
        assert_ne!(table.origin().id, origin.id);
        load("flush chain inet svcflow forward");
        assert!(matches!(table.check().unwrap(), Health::Changed { .. }));
        assert!(matches!(table.repair().unwrap(), Installed::Replaced { .. }));
        assert_eq!(table.check().unwrap(), Health::Intact);
    });
}

#[test]
fn a_restored_ruleset_shows_in_the_handle() {
    in_namespace(|| {
        let (table, _) = Table::install(options()).unwrap();
        let origin = table.origin();
        traffic::udp("127.0.0.1", 9_000, &[100]);
        let saved = run("nft", "list ruleset");
        load("flush ruleset");
        load(&saved);
        drop(table);
        let (mut table, installed) = Table::install(options()).unwrap();
        assert_eq!(installed, Installed::Adopted);
        assert_eq!(table.origin().id, origin.id);
        assert_ne!(table.origin().handle, origin.handle);
        traffic::udp("127.0.0.1", 9_000, &[100]);
        let packets = support::total(&read(&mut table).0, |_| true).0;
        assert_eq!(packets, 2, "the old counter was restored and goes on");
    });
}

#[test]
fn removing_leaves_other_tables_alone() {
    in_namespace(|| {
        load("table inet other { set s { type ipv4_addr; elements = { 10.0.0.1 }\n}\n}\n");
        let before = run("nft", "list ruleset");
        let (table, _) = Table::install(options()).unwrap();
        table.remove().unwrap();
        assert_eq!(run("nft", "list ruleset"), before);
    });
}

fn delete_with_nft() -> bool {
    let mut command = Command::new("nft");
    command.args(["delete", "table", "inet", "svcflow"]).stderr(Stdio::null());
    command.status().unwrap().success()
}

mod traffic {
    use std::net::UdpSocket;

    /// One datagram per length, from a fixed port, over loopback.
    pub(super) fn udp(to: &str, port: u16, lengths: &[usize]) {
        let server = UdpSocket::bind((to, port)).unwrap();
        let client = UdpSocket::bind((to, 0)).unwrap();
        for length in lengths {
            client.send_to(&vec![0; *length], server.local_addr().unwrap()).unwrap();
        }
    }
}
