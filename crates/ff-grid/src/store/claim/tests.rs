use super::*;

const LEASE: Duration = Duration::from_secs(600);

fn ours(claimed: Result<Claimed, Error>) -> Claim {
    match claimed.unwrap() {
        Claimed::Ours(claim) => claim,
        Claimed::Theirs(owner) => panic!("{owner:?}"),
    }
}

fn theirs(claimed: Result<Claimed, Error>) -> Option<Owner> {
    match claimed.unwrap() {
        Claimed::Ours(_) => panic!("two owners"),
        Claimed::Theirs(owner) => owner,
    }
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// Writes a claim of another process.
fn write_claim(folder: &Path, number: u64, change: impl FnOnce(&mut serde_json::Value)) {
    let mut owner = serde_json::to_value(Owner::this("cpu")).unwrap();
    change(&mut owner);
    std::fs::write(path(folder, number), owner.to_string()).unwrap();
}

#[test]
fn a_folder_has_one_owner_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let claims = Claims::new(LEASE, "cpu");
    let claim = ours(claims.take(folder.path(), CancelToken::default()));
    assert_eq!(names(folder.path()), ["claim-1.json"]);
    let owner = theirs(Claims::new(LEASE, "cpu").take(folder.path(), CancelToken::default())).unwrap();
    assert_eq!(owner.pid, std::process::id());
    assert_eq!(owner_of(folder.path()), Some(owner));
    drop(claim);
    assert_eq!(names(folder.path()), [""; 0]);
    assert_eq!(owner_of(folder.path()), None);
    drop(ours(claims.take(folder.path(), CancelToken::default())));
}

#[test]
fn one_of_many_claims_at_once_succeeds() {
    let folder = tempfile::tempdir().unwrap();
    write_claim(folder.path(), 4, |owner| owner["pid"] = u32::MAX.into());
    let take = || match Claims::new(LEASE, "cpu").take(folder.path(), CancelToken::default()).unwrap() {
        Claimed::Ours(claim) => {
            // Dropping the claim would release the folder.
            std::mem::forget(claim);
            1
        }
        Claimed::Theirs(_) => 0_usize,
    };
    let taken: usize = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..16).map(|_| scope.spawn(take)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert_eq!(taken, 1);
    assert_eq!(names(folder.path()), ["claim-5.json"]);
}

#[test]
fn the_folder_of_an_ended_process_is_taken_over_at_once() {
    let folder = tempfile::tempdir().unwrap();
    for change in [("pid", u64::from(u32::MAX)), ("began", 1)] {
        write_claim(folder.path(), 1, |owner| owner[change.0] = change.1.into());
        std::fs::write(folder.path().join(".x.partial"), "half").unwrap();
        let claim = ours(Claims::new(LEASE, "cpu").take(folder.path(), CancelToken::default()));
        assert_eq!(names(folder.path()), ["claim-2.json"]);
        drop(claim);
    }
}

#[test]
fn an_owner_on_another_machine_is_dead_after_a_lease_without_update() {
    let folder = tempfile::tempdir().unwrap();
    write_claim(folder.path(), 1, |owner| {
        owner["host"] = "other-host".into();
        owner["pid"] = u32::MAX.into();
    });
    let claims = Claims::new(Duration::from_millis(300), "cpu");
    let file = File::options().append(true).open(path(folder.path(), 1)).unwrap();
    // It updates its claim, by a clock that runs backwards.
    for second in (0..5).rev() {
        let owner = theirs(claims.take(folder.path(), CancelToken::default())).unwrap();
        assert_eq!(owner.to_string(), format!("process {} on other-host", u32::MAX));
        file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(second)).unwrap();
        std::thread::sleep(Duration::from_millis(100));
    }
    theirs(claims.take(folder.path(), CancelToken::default()));
    std::thread::sleep(Duration::from_millis(400));
    drop(ours(claims.take(folder.path(), CancelToken::default())));
    assert_eq!(names(folder.path()), [""; 0]);
}

#[test]
fn a_suspended_owner_loses_its_claim() {
    let folder = tempfile::tempdir().unwrap();
    let lost = CancelToken::default();
    let claim = ours(Claims::new(Duration::from_millis(60), "cpu").take(folder.path(), lost.clone()));
    // As another process does: create the next number, and remove the one before.
    write_claim(folder.path(), 2, |owner| owner["host"] = "other-host".into());
    remove_up_to(folder.path(), 1);
    while !lost.is_set() {
        std::thread::sleep(Duration::from_millis(5));
    }
    drop(claim);
    assert_eq!(names(folder.path()), ["claim-2.json"], "the new owner's claim stays");
}

#[test]
fn an_unreadable_claim_expires_too() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(path(folder.path(), 1), "").unwrap();
    let claims = Claims::new(Duration::from_millis(50), "cpu");
    assert_eq!(theirs(claims.take(folder.path(), CancelToken::default())), None);
    std::thread::sleep(Duration::from_millis(60));
    drop(ours(claims.take(folder.path(), CancelToken::default())));
}
