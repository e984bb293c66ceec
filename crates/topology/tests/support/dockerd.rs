//! A real dockerd in network, mount and process namespaces of its own: when it is dropped, nothing is left.
//! Its program comes from `scripts/engines`; the image holds one static binary, compiled here, that sleeps.
#![allow(dead_code, reason = "each test file uses its part")]

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// The folder that `scripts/engines` unpacks into; `None`, said aloud, where it isn't there.
pub(crate) fn engines() -> Option<PathBuf> {
    let cache = || {
        let home = || Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache"));
        let xdg = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
        Some(xdg.or_else(home)?.join("svcflow"))
    };
    let cache = std::env::var_os("SVCFLOW_CACHE").map(PathBuf::from).or_else(cache)?;
    let folder = cache.join("engines");
    let there = folder.join("usr/sbin/dockerd").exists() && rustix::process::geteuid().is_root();
    if !there {
        assert!(std::env::var_os("CI").is_none(), "CI must run this: root, and scripts/engines");
        eprintln!("skipped: this needs root and the programs that scripts/engines unpacks");
    }
    there.then_some(folder)
}

pub(crate) struct Dockerd {
    engines: PathBuf,
    folder: TempDir,
    child: Child,
}

const START: &str = r#"
set -eu
ip link set lo up
mount --make-rprivate /
mount -t tmpfs tmpfs /run
exec dockerd --data-root "$1/data" --exec-root "$1/exec" -H "unix://$1/docker.sock" -p "$1/pid" \
  --storage-driver vfs
"#;

const SLEEPER: &str = "#include <unistd.h>\nint main(void) { for (;;) pause(); }\n";

impl Dockerd {
    pub(crate) fn start(engines: PathBuf) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let log = std::fs::File::create(folder.path().join("log")).unwrap();
        let path = ["bin", "usr/sbin", "usr/bin"].map(|it| engines.join(it).display().to_string());
        let library = engines.join("usr/lib").join(triplet());
        let lib = engines.join("lib").join(triplet());
        let child = Command::new("unshare")
            .args(["-n", "-m", "-p", "-f", "--mount-proc", "--kill-child", "sh", "-c", START, "sh"])
            .arg(folder.path())
            .env("PATH", format!("{}:{}", path.join(":"), std::env::var("PATH").unwrap()))
            .env("LD_LIBRARY_PATH", format!("{}:{}", library.display(), lib.display()))
            .env("XTABLES_LIBDIR", library.join("xtables"))
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let it = Self { engines, folder, child };
        let end = Instant::now() + Duration::from_secs(60);
        while !it.command(&["version"]).output().unwrap().status.success() {
            let log = std::fs::read_to_string(it.folder.path().join("log")).unwrap();
            assert!(Instant::now() < end, "dockerd does not start:\n{log}");
            std::thread::sleep(Duration::from_millis(200));
        }
        it.import();
        it
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.path().join("docker.sock")
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(self.engines.join("usr/bin/docker"));
        command.env("DOCKER_CONFIG", self.folder.path());
        command.arg("-H").arg(format!("unix://{}", self.socket().display())).args(args);
        command
    }

    /// Runs `docker …` and gives what it printed.
    pub(crate) fn docker(&self, args: &[&str]) -> String {
        let output = self.command(args).output().unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "docker {args:?}: {error}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// Runs a program in the engine's namespaces, as on its host.
    pub(crate) fn on_its_host(&self, program: &str, args: &[&str]) -> std::process::Output {
        let parent = self.child.id();
        let children = format!("/proc/{parent}/task/{parent}/children");
        let init = std::fs::read_to_string(children).unwrap().trim().to_owned();
        let namespaces = ["-t", &init, "-n", "-m", "-p", "--", program];
        Command::new("nsenter").args(namespaces).args(args).output().unwrap()
    }

    fn import(&self) {
        let at = |name: &str| self.folder.path().join(name);
        std::fs::write(at("sleeper.c"), SLEEPER).unwrap();
        let run =
            |command: &mut Command| assert!(command.status().unwrap().success(), "{command:?}");
        run(Command::new("cc")
            .args(["-static", "-O1", "-o"])
            .arg(at("sleeper"))
            .arg(at("sleeper.c")));
        run(Command::new("tar")
            .arg("-C")
            .arg(self.folder.path())
            .arg("-cf")
            .arg(at("image.tar"))
            .arg("sleeper"));
        let tar = at("image.tar").display().to_string();
        let _ = self.docker(&["import", "--change", "CMD [\"/sleeper\"]", &tar, "sleeper:1"]);
    }
}

impl Drop for Dockerd {
    fn drop(&mut self) {
        // Its init dies with it, and with that all that ran there.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn triplet() -> String {
    format!("{}-linux-gnu", std::env::consts::ARCH)
}
