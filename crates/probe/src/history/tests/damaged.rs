//! Files that are no history, or no longer a whole one, and disks that do not write.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use redb::{Builder, Database, ReadableDatabase, StorageBackend, TableDefinition};

use super::*;

fn file(folder: &Folder) -> PathBuf {
    folder.0.join("history.redb")
}

fn set_aside(folder: &Folder) -> Vec<PathBuf> {
    let entries = fs::read_dir(&folder.0).unwrap().map(|entry| entry.unwrap().path());
    entries.filter(|path| path.to_string_lossy().contains(".set-aside-")).collect()
}

/// Opens what is there, which must be set aside, and go on with a new one; what was set aside.
fn refuses(folder: &Folder, what: &str) -> Vec<u8> {
    let (history, said) = folder.open();
    let said = said.unwrap_or_else(|| panic!("{what} is taken"));
    let aside = set_aside(folder).into_iter().max_by_key(|path| path.as_os_str().len()).unwrap();
    assert!(said.starts_with(&file(folder).display().to_string()) && said.contains(" it is now "), "{said}");
    let told = Told::new(history);
    told.run(nine(), None);
    drop(told);
    let (history, said) = folder.open();
    assert_eq!(said, None);
    assert_eq!(Told::new(history).sum(Span::Day, nine()).good, 1, "{what}: the new one is kept");
    fs::read(aside).unwrap()
}

#[test]
fn a_file_that_is_no_history_is_set_aside_and_not_touched() {
    for (what, bytes) in [("text", b"hello\n".repeat(500)), ("zeros", vec![0; 100_000]), ("one byte", vec![b'r'])] {
        let folder = Folder::new();
        fs::write(file(&folder), &bytes).unwrap();
        assert!(refuses(&folder, what) == bytes, "{what}");
    }
}

#[test]
fn an_empty_file_becomes_a_history() {
    let folder = Folder::new();
    fs::write(file(&folder), []).unwrap();
    assert_eq!(folder.open().1, None);
}

#[test]
fn a_database_of_something_else_and_a_history_of_another_version_are_set_aside() {
    let versioned = |database: &Database, version: u64| {
        let write = database.begin_write().unwrap();
        write.open_table(TableDefinition::<&str, u64>::new("meta")).unwrap().insert("version", version).unwrap();
        write.commit().unwrap();
    };
    let foreign = |database: &Database| {
        let write = database.begin_write().unwrap();
        write.open_table(TableDefinition::<u64, u64>::new("numbers")).unwrap().insert(1, 1).unwrap();
        write.commit().unwrap();
    };
    for (what, write) in [
        ("another version", &(|database: &Database| versioned(database, 7)) as &dyn Fn(&Database)),
        ("something else", &foreign),
    ] {
        let folder = Folder::new();
        let database = Database::create(file(&folder)).unwrap();
        write(&database);
        drop(database);
        let aside = folder.0.join("aside");
        fs::write(&aside, refuses(&folder, what)).unwrap();
        let tables = Database::open(&aside).unwrap().begin_read().unwrap().list_tables().unwrap().count();
        assert_eq!(tables, 1, "{what}: nothing is written into it");
    }
}

#[test]
fn a_damaged_file_is_set_aside_or_harmless_wherever_the_damage_is() {
    let whole = Folder::new();
    let told = Told::new(whole.open().0);
    for n in 0..200 {
        told.run(nine() + Duration::from_secs(n * MINUTE), n.is_multiple_of(3).then_some(Reason::Status));
    }
    drop(told);
    let bytes = fs::read(file(&whole)).unwrap();
    let mut refused = 0;
    let places = (0..64).map(|n| n * bytes.len() / 64).chain(0..64);
    for place in places {
        let folder = Folder::new();
        let mut damaged = bytes.clone();
        damaged[place..].iter_mut().take(8).for_each(|byte| *byte ^= 0x5a);
        fs::write(file(&folder), &damaged).unwrap();
        let (history, said) = folder.open();
        refused += u32::from(said.is_some());
        // Whatever it is: it is a history that works.
        let told = Told::new(history);
        told.run(nine() + Duration::from_secs(HOUR), None);
        told.history.commit();
        assert!(told.sum(Span::Day, nine()).scheduled() > 0, "{place}");
    }
    assert!(refused > 10, "damage is seen: {refused} times");
    for length in [1, 4096, bytes.len() / 2, bytes.len() - 1] {
        let folder = Folder::new();
        fs::write(file(&folder), &bytes[..length]).unwrap();
        refuses(&folder, &format!("{length} bytes of it"));
    }
}

#[test]
fn two_processes_do_not_share_one_and_what_is_no_folder_says_so() {
    let folder = Folder::new();
    let (_history, _) = folder.open();
    let error = |path: &Path| History::open(path, HistoryConfig::default()).err().unwrap().to_string();
    assert!(error(&folder.0).ends_with("is in use by another process; give each its own folder"));
    let beside = folder.0.join("file");
    fs::write(&beside, "x").unwrap();
    assert!(error(&beside).contains("cannot be made a folder"), "{}", error(&beside));
    assert_eq!(set_aside(&folder), Vec::<PathBuf>::new());
}

/// Memory that outlives its database, and fails when it is told so.
#[derive(Debug, Clone, Default)]
struct Disk {
    bytes: Arc<Mutex<Vec<u8>>>,
    /// It does not write for good.
    failing: Arc<AtomicBool>,
    /// It does not write at all.
    full: Arc<AtomicBool>,
}

impl Disk {
    fn change(&self, change: impl FnOnce(&mut Vec<u8>)) -> io::Result<()> {
        if self.full.load(Ordering::Relaxed) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        change(&mut lock(&self.bytes));
        Ok(())
    }
}

fn place(offset: u64) -> usize {
    usize::try_from(offset).unwrap()
}

impl StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        Ok(lock(&self.bytes).len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        out.copy_from_slice(&lock(&self.bytes)[place(offset)..][..out.len()]);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.change(|bytes| bytes.resize(place(len), 0))
    }

    fn sync_data(&self) -> io::Result<()> {
        if self.failing.load(Ordering::Relaxed) { Err(io::Error::other("the disk is ill")) } else { Ok(()) }
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.change(|bytes| bytes[place(offset)..][..data.len()].copy_from_slice(data))
    }
}

#[test]
fn while_a_disk_does_not_write_nothing_is_lost_and_afterwards_it_is_written() {
    let disk = Disk::default();
    let open = |disk: &Disk| {
        let disk = disk.clone();
        let open = move || Builder::new().create_with_backend(disk.clone());
        let store = Store::of(PathBuf::from("disk"), Box::new(open)).ok().unwrap();
        Told::new(History::of(store, HistoryConfig::default()).unwrap())
    };
    let told = open(&disk);
    let mut runs = 0;
    let mut run = |times: u32, all_is_read: bool| {
        for _ in 0..times {
            told.run(nine() + Duration::from_secs(u64::from(runs) % 600), Some(Reason::Status));
            runs += 1;
            told.history.commit();
            let sums = [(Span::Minute, nine() + Duration::from_secs(HOUR)), (Span::Day, nine())];
            for (span, now) in sums {
                let failed = told.sum(span, now).failed;
                assert!(failed == runs || !all_is_read && failed > 0, "{failed} of {runs}");
            }
        }
        runs
    };
    run(3, true);
    for fault in [&disk.failing, &disk.full] {
        fault.store(true, Ordering::Relaxed);
        run(5, false);
        fault.store(false, Ordering::Relaxed);
        run(2, true);
    }
    let runs = run(1, true);
    drop(told);
    assert_eq!(open(&disk).sum(Span::Day, nine()).failed, runs, "it is on the disk");
}
