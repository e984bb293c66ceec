//! Users from a file: names, secrets, and databases that they may read and write.
//!
//! The secrets stand in the file as they are, like an agent's tokens, so nobody but its owner may read the file.
//! They have to be long enough not to be guessed, and are therefore compared as [plain digests](Digest).

use std::collections::BTreeSet;
use std::fmt;
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use subtle::{Choice, ConstantTimeEq};
use svcflow_settings::{DeValue, Fault, Faults, Parsed, Walk, flag, text, texts};
use svcflow_transport::{Digest, SECRET_MIN, is_secret};

use crate::Error;

/// All users. Debug prints no secret.
#[derive(Clone, Debug)]
pub struct Users(Vec<User>);

/// One user.
#[derive(Clone)]
pub struct User {
    name: String,
    secret: Digest,
    admin: bool,
    read: Databases,
    write: Databases,
}

/// Databases by name; `*` is all.
#[derive(Clone, Debug, Default)]
struct Databases(BTreeSet<String>);

impl Databases {
    fn hold(&self, database: &str) -> bool {
        self.0.contains("*") || self.0.contains(database)
    }
}

impl User {
    /// The name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether everything is allowed.
    #[must_use]
    pub const fn is_admin(&self) -> bool {
        self.admin
    }

    /// What is allowed with which database, sorted.
    pub(crate) fn grants(&self) -> impl Iterator<Item = (&str, &'static str)> {
        let all: BTreeSet<&String> = self.read.0.union(&self.write.0).collect();
        all.into_iter().map(|name| {
            match (self.read.0.contains(name), self.write.0.contains(name)) {
                (true, true) => (name.as_str(), "ALL PRIVILEGES"),
                (true, false) => (name.as_str(), "READ"),
                _ => (name.as_str(), "WRITE"),
            }
        })
    }

    /// Whether this database may be read.
    #[must_use]
    pub fn may_read(&self, database: &str) -> bool {
        self.admin || self.read.hold(database)
    }

    /// Whether this database may be written to.
    #[must_use]
    pub fn may_write(&self, database: &str) -> bool {
        self.admin || self.write.hold(database)
    }
}

impl fmt::Debug for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("User")
            .field("name", &self.name)
            .field("admin", &self.admin)
            .field("read", &self.read)
            .field("write", &self.write)
            .finish_non_exhaustive()
    }
}

impl Users {
    /// Reads a users file.
    ///
    /// # Errors
    /// Where it can't be read, others may read it, too, or it has faults: all of them, each with its line.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let unreadable = |source| Error::UsersUnreadable { path: path.to_owned(), source };
        let mut file = File::open(path).map_err(unreadable)?;
        let mode = file.metadata().map_err(unreadable)?.permissions().mode();
        if mode & 0o077 != 0 {
            return Err(Error::UsersExposed { path: path.to_owned() });
        }
        let mut text = String::new();
        file.read_to_string(&mut text).map_err(unreadable)?;
        Self::parse(&text, Some(path))
    }

    /// Reads a users file's text; `path` is only named in faults.
    ///
    /// # Errors
    /// Where it has faults: all of them, each with its line.
    pub fn parse(text: &str, path: Option<&Path>) -> Result<Self, Error> {
        let mut users = Vec::new();
        let mut faults = Walk::document(text, |walk, key, value| match (key, value.as_array()) {
            ("user", Some(tables)) => {
                for table in tables {
                    let mut draft = Draft::default();
                    let fields =
                        table.get_ref().as_table().ok_or("write [[user]] before each user")?;
                    walk.table(fields, |_, key, value| draft.set(key, value));
                    match draft.finish() {
                        Ok(user) => users.push(user),
                        Err(message) => walk.fault(Some(table.span().start), message),
                    }
                }
                Ok(())
            }
            _ => Err("unknown key; write [[user]] before each user".to_owned()),
        });
        let names: BTreeSet<_> = users.iter().map(|user| &user.name).collect();
        if names.len() < users.len() {
            faults.push(Fault::of_all("two users have one name: give each its own"));
        }
        if users.is_empty() && faults.is_empty() {
            faults.push(Fault::of_all("no [[user]]: nobody could do anything"));
        }
        Faults::or(Self(users), faults, path).map_err(Error::Config)
    }

    /// The user of this name and secret.
    pub(crate) fn by_name(&self, name: &str, secret: &str) -> Option<&User> {
        // Every user's secret is looked at, so that the time taken doesn't tell which names there are.
        self.find(|user| Choice::from(u8::from(user.name == name)), secret)
    }

    /// The user of this secret.
    pub(crate) fn by_secret(&self, secret: &str) -> Option<&User> {
        self.find(|_| Choice::from(1), secret)
    }

    fn find(&self, is_meant: impl Fn(&User) -> Choice, secret: &str) -> Option<&User> {
        let secret = Digest::of(secret.as_bytes());
        self.0.iter().fold(None, |found, user| {
            let this: bool = (is_meant(user) & user.secret.ct_eq(&secret)).into();
            if this { Some(user) } else { found }
        })
    }

    /// All users.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &User> {
        self.0.iter()
    }
}

#[derive(Default)]
struct Draft {
    name: String,
    secret: Option<Digest>,
    admin: bool,
    read: Vec<String>,
    write: Vec<String>,
}

impl Draft {
    fn set(&mut self, key: &str, value: &DeValue<'_>) -> Parsed<()> {
        match key {
            "name" => self.name = name(text(value)?)?,
            "secret" => self.secret = Some(secret(text(value)?)?),
            "admin" => self.admin = flag(value)?,
            "read" => self.read = texts(value)?,
            "write" => self.write = texts(value)?,
            _ => {
                return Err("unknown key; the keys are name, secret, admin, read, write".to_owned());
            }
        }
        Ok(())
    }

    fn finish(self) -> Parsed<User> {
        let secret = self.secret.ok_or("this user has no `secret`, or no usable one")?;
        if self.name.is_empty() {
            return Err("this user has no `name`, or no usable one".to_owned());
        }
        let databases = |names: Vec<String>| Databases(names.into_iter().collect());
        let (read, write) = (databases(self.read), databases(self.write));
        Ok(User { name: self.name, secret, admin: self.admin, read, write })
    }
}

/// A colon ends the name in Basic authentication and in `Token NAME:SECRET`.
fn name(text: &str) -> Parsed<String> {
    let usable = !text.is_empty() && !text.contains(':') && !text.contains(char::is_whitespace);
    if usable {
        Ok(text.to_owned())
    } else {
        Err("expected a name without blanks and colons".to_owned())
    }
}

fn secret(text: &str) -> Parsed<Digest> {
    if !is_secret(text) {
        return Err(format!(
            "expected {SECRET_MIN} visible ASCII characters at least: `openssl rand -hex 16` makes some"
        ));
    }
    Ok(Digest::of(text.as_bytes()))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const FILE: &str = "[[user]]\nname = \"telegraf\"\nsecret = \"0123456789abcdef\"\nwrite = [\"telegraf\"]\n\n\
                        [[user]]\nname = \"root\"\nsecret = \"fedcba9876543210\"\nadmin = true\n";

    #[test]
    fn users_have_secrets_and_rights() {
        let users = Users::parse(FILE, None).unwrap();
        let telegraf = users.by_name("telegraf", "0123456789abcdef").unwrap();
        assert!(telegraf.may_write("telegraf") && !telegraf.may_read("telegraf"));
        assert!(!telegraf.may_write("other"));
        assert!(users.by_name("root", "0123456789abcdef").is_none());
        assert!(users.by_name("telegraf", "").is_none());
        let root = users.by_secret("fedcba9876543210").unwrap();
        assert!(root.is_admin() && root.may_read("x") && root.may_write("x"));
        assert!(users.by_secret("fedcba987654321").is_none());
        assert!(!format!("{users:?}").contains("cba98"));
    }

    #[test]
    fn all_faults_come_together() {
        let text = "[[user]]\nname = \"a:b\"\nsecret = \"short\"\n\n[[user]]\nnam = \"x\"\nsecret = \"0123456789abcdef\"\n\
                    [[users]]\n";
        let faults = Users::parse(text, Some(Path::new("u.toml"))).unwrap_err().to_string();
        for expected in [
            "u.toml:2: `name`: expected a name without",
            "u.toml:3: `secret`: expected 16 visible",
            "u.toml:6: `nam`: unknown key; the keys are name,",
            "this user has no `name`",
            "u.toml:8: `users`: unknown key; write [[user]]",
        ] {
            assert!(faults.contains(expected), "{expected}\nnot in\n{faults}");
        }
        let twice = format!("{FILE}[[user]]\nname = \"root\"\nsecret = \"0123456789abcdeX\"\n");
        assert!(Users::parse(&twice, None).unwrap_err().to_string().contains("one name"));
        assert!(Users::parse("", None).is_err());
    }

    #[test]
    fn a_file_that_others_may_read_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("users.toml");
        fs::write(&path, FILE).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(Users::read(&path).unwrap_err().to_string().contains("chmod 600"));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        assert!(Users::read(&path).is_ok());
        assert!(matches!(
            Users::read(Path::new("/nonexistent")),
            Err(Error::UsersUnreadable { .. })
        ));
    }
}
