//! Whether a password is a user's. bcrypt is slow on purpose, so there is one check at a time, on a thread of its own, and few wait for
//! it: a flood of wrong passwords costs one core and no worker. A password that was right is known again without bcrypt.

use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasher, RandomState};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};

use anyhow::Context;
use ring::hmac;
use ring::rand::SystemRandom;
use tokio::sync::oneshot;

use crate::web_config::PasswordHash;

/// Checks that wait for their turn. At a hash's usual cost the last one waits for two seconds.
const WAITING: usize = 32;

type Users = BTreeMap<String, PasswordHash>;

pub(super) enum Verdict {
    Right,
    Wrong,
    /// There are too many to check.
    Busy,
}

pub(super) struct Passwords {
    checks: SyncSender<Check>,
    /// Of each user the last password that was right, with the hash that said so. A wrong one is not kept: there is no end of them.
    right: Mutex<HashMap<String, hmac::Tag>>,
    /// So that what is kept is of use to nobody else.
    key: hmac::Key,
    /// Picks for an unknown user one whose hash is checked in his place, always the same one.
    stand_in: RandomState,
}

struct Check {
    password: Vec<u8>,
    hash: PasswordHash,
    answer: oneshot::Sender<bool>,
}

impl Passwords {
    /// # Errors
    /// The system has no thread, or no random numbers.
    pub(super) fn start() -> anyhow::Result<Self> {
        let (checks, queue) = sync_channel(WAITING);
        let key = hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new());
        let key = key.map_err(|_| anyhow::anyhow!("the system has no random numbers"))?;
        // Not one of the runtime's: the end of the program would wait for it.
        let thread = std::thread::Builder::new().name("passwords".to_owned());
        thread.spawn(move || work(&queue)).context("no thread to check passwords on")?;
        Ok(Self { checks, right: Mutex::default(), key, stand_in: RandomState::new() })
    }

    /// An unknown user takes as long as a known one.
    pub(super) async fn check(&self, user: &str, password: Vec<u8>, users: &Users) -> Verdict {
        let known = users.get(user);
        let Some(hash) = known.or_else(|| self.stand_in(user, users)) else { return Verdict::Wrong };
        let kept = self.kept(hash, &password);
        if known.is_some() && self.right().get(user).is_some_and(|right| same(right, &kept)) {
            return Verdict::Right;
        }
        let (answer, answered) = oneshot::channel();
        if self.checks.try_send(Check { password, hash: hash.clone(), answer }).is_err() {
            return Verdict::Busy;
        }
        match answered.await {
            Ok(true) if known.is_some() => {
                let mut right = self.right();
                right.retain(|user, _| users.contains_key(user));
                right.insert(user.to_owned(), kept);
                Verdict::Right
            }
            _ => Verdict::Wrong,
        }
    }

    fn stand_in<'u>(&self, user: &str, users: &'u Users) -> Option<&'u PasswordHash> {
        let chosen = usize::try_from(self.stand_in.hash_one(user)).unwrap_or_default();
        users.values().nth(chosen.checked_rem(users.len())?)
    }

    fn kept(&self, hash: &PasswordHash, password: &[u8]) -> hmac::Tag {
        let mut kept = hmac::Context::with_key(&self.key);
        // All hashes have the same length, so that this is one way to read it.
        kept.update(hash.as_str().as_bytes());
        kept.update(password);
        kept.sign()
    }

    fn right(&self) -> std::sync::MutexGuard<'_, HashMap<String, hmac::Tag>> {
        self.right.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Both are the server's own: how long it takes to see that they differ says nothing of the password.
fn same(one: &hmac::Tag, other: &hmac::Tag) -> bool {
    one.as_ref() == other.as_ref()
}

fn work(queue: &Receiver<Check>) {
    for Check { password, hash, answer } in queue {
        // Nobody waits for it any more.
        if answer.is_closed() {
            continue;
        }
        let _ = answer.send(hash.matches(&password));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn users() -> Users {
        let file = std::env::temp_dir().join(format!("passwords-{}.yml", std::process::id()));
        let hash = |password: &str| bcrypt::hash(password, 4).unwrap();
        std::fs::write(&file, format!("basic_auth_users: {{anna: {}, bert: {}}}\n", hash("a"), hash("b"))).unwrap();
        let users = crate::web_config::load(&file).config.ok().unwrap().users;
        let _ = std::fs::remove_file(file);
        users
    }

    /// An unknown user is checked against the hash of some user, always the same one, so that he takes as long; and is wrong, even where
    /// the password is right for that one.
    #[actix_rt::test]
    async fn an_unknown_user_is_checked_like_a_known_one_and_never_right() {
        let (users, passwords) = (users(), Passwords::start().unwrap());
        let mut stood_in = std::collections::BTreeSet::new();
        for n in 0..50 {
            let user = format!("nobody{n}");
            let hash = passwords.stand_in(&user, &users).unwrap();
            assert_eq!(passwords.stand_in(&user, &users), Some(hash));
            stood_in.insert(hash.as_str().to_owned());
            for password in ["a", "b"] {
                let verdict = passwords.check(&user, password.as_bytes().to_vec(), &users).await;
                assert!(matches!(verdict, Verdict::Wrong), "{user} {password}");
            }
        }
        assert_eq!(stood_in.len(), 2);
        assert!(passwords.right().is_empty());
    }

    #[actix_rt::test]
    async fn what_was_right_is_known_until_the_hash_or_the_user_is_another() {
        let (mut users, passwords) = (users(), Passwords::start().unwrap());
        let check = async |users: &Users, user: &str, password: &str| {
            matches!(passwords.check(user, password.as_bytes().to_vec(), users).await, Verdict::Right)
        };
        assert!(check(&users, "anna", "a").await && check(&users, "bert", "b").await);
        assert_eq!(passwords.right().len(), 2);
        // One for each user, whatever is tried.
        assert!(!check(&users, "anna", "b").await && check(&users, "anna", "a").await);
        assert_eq!(passwords.right().len(), 2);
        let berts = users["bert"].clone();
        users.insert("anna".to_owned(), berts);
        assert!(!check(&users, "anna", "a").await && check(&users, "anna", "b").await);
        users.remove("bert");
        assert!(!check(&users, "bert", "b").await);
        users.insert("carl".to_owned(), users["anna"].clone());
        assert!(check(&users, "carl", "b").await);
        assert!(!passwords.right().contains_key("bert"), "who has gone is forgotten");
    }
}
