//! Shares: every target has exactly one, and as few as can be have another where a prober more takes part.

use probe::{Shard, ShardError};

fn share(index: usize, of: usize) -> Shard {
    format!("{index}/{of}").parse().unwrap()
}

/// The share of each of ten thousand names.
fn shares(of: usize) -> Vec<usize> {
    let shards: Vec<_> = (1..=of).map(|index| share(index, of)).collect();
    let owner = |n: usize| {
        let name = format!("https://shop-{n}.example/health");
        let owners: Vec<_> = (1..=of).filter(|index| shards[index - 1].has(&name)).collect();
        assert_eq!(owners.len(), 1, "{name} of {of}");
        owners[0]
    };
    (0..10_000).map(owner).collect()
}

#[test]
fn shares_are_all_about_as_large() {
    for of in 1..=10 {
        let owners = shares(of);
        for index in 1..=of {
            let size = owners.iter().filter(|owner| **owner == index).count();
            assert!((size * of).abs_diff(10_000) <= 1000, "{index}/{of}: {size}");
        }
    }
}

#[test]
fn one_share_more_takes_its_part_and_moves_nothing_else() {
    for of in 1..=9 {
        let (before, after) = (shares(of), shares(of + 1));
        let moved: Vec<_> = before.iter().zip(&after).filter(|(before, after)| before != after).collect();
        assert!(moved.iter().all(|(_, after)| **after == of + 1));
        assert!((moved.len() * (of + 1)).abs_diff(10_000) <= 1000, "{}", moved.len());
    }
}

/// Probers of two versions share one file while one is replaced by the other: these never change.
#[test]
fn who_has_what_is_the_same_in_every_version() {
    let owners = ["", "a", "shop", "https://3-shake.com", "läden"]
        .map(|name| [2, 3, 10, 1000].map(|of| (1..=of).find(|index| share(*index, of).has(name)).unwrap()));
    assert_eq!(owners, [[2, 2, 2, 2], [2, 2, 5, 628], [1, 1, 1, 192], [1, 1, 1, 712], [1, 1, 8, 470]]);
}

#[test]
fn shares_are_read_as_they_are_shown() {
    for text in ["1/1", "1/3", "3/3", "1000/1000"] {
        assert_eq!(text.parse::<Shard>().unwrap().to_string(), text);
    }
    assert_eq!(Shard::default().to_string(), "1/1");
    for (text, error, part) in [
        ("", ShardError::Form, "e.g. 1/3"),
        ("1", ShardError::Form, "e.g. 1/3"),
        ("1/", ShardError::Form, "e.g. 1/3"),
        ("a/b", ShardError::Form, "e.g. 1/3"),
        ("-1/3", ShardError::Form, "e.g. 1/3"),
        ("+1/3", ShardError::Form, "e.g. 1/3"),
        ("1/2/3", ShardError::Form, "e.g. 1/3"),
        (" 1/3", ShardError::Form, "e.g. 1/3"),
        ("0/3", ShardError::Zero, "count from 1"),
        ("0/0", ShardError::Zero, "count from 1"),
        ("4/3", ShardError::Beyond, "the last of three is 3/3"),
        ("1/1001", ShardError::TooMany, "at most 1000"),
        ("1/99999999999999999999", ShardError::TooMany, "at most 1000"),
    ] {
        assert_eq!(text.parse::<Shard>(), Err(error), "{text}");
        assert!(error.to_string().contains(part) && error.to_string().contains("; "), "{error}");
    }
}
