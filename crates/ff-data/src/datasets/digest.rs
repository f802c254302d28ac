//! The digest of a dataset.

use std::num::NonZero;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::{Error, Sample, Target, Task};

/// BLAKE3 of a picture's file or pixels.
pub type Content = [u8; 32];

/// Hex BLAKE3 over the task, and each sample's id, target, split, group and content.
pub fn dataset_digest(task: &Task, samples: &[Sample], contents: &[Content]) -> String {
    let mut hasher = blake3::Hasher::new();
    // Each field carries its length, so that no two datasets run together into the same bytes.
    let mut field = |bytes: &[u8]| {
        hasher.update(&(bytes.len() as u64).to_le_bytes());
        hasher.update(bytes);
    };
    field(match task {
        Task::Multiclass { .. } => b"multiclass",
        Task::Multilabel { .. } => b"multilabel",
    });
    field(&(task.outputs() as u64).to_le_bytes());
    for name in task.names() {
        field(name.as_bytes());
    }
    for (sample, content) in samples.iter().zip(contents) {
        field(sample.id.as_bytes());
        match &sample.target {
            Target::Class(class) => field(&(*class as u64).to_le_bytes()),
            Target::Labels(labels) => {
                let codes: Vec<u8> = labels.iter().map(|label| label.map_or(2, u8::from)).collect();
                field(&codes);
            }
        }
        field(sample.split.map_or("", |split| split.name()).as_bytes());
        field(&[u8::from(sample.group.is_some())]);
        field(sample.group.as_deref().unwrap_or("").as_bytes());
        field(content);
    }
    hasher.finalize().to_hex().to_string()
}

/// Hashes of files, in their order, on all cores.
pub fn hash_files(paths: &[PathBuf]) -> Result<Vec<Content>, Error> {
    let threads = std::thread::available_parallelism().map_or(1, NonZero::get).min(paths.len().max(1));
    let next = AtomicUsize::new(0);
    let work = || {
        let mut done = Vec::new();
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(path) = paths.get(index) else { return Ok(done) };
            let bytes = std::fs::read(path).map_err(Error::read(path))?;
            done.push((index, *blake3::hash(&bytes).as_bytes()));
        }
    };
    let parts: Vec<Result<Vec<_>, Error>> = std::thread::scope(|scope| {
        let handles: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        handles.into_iter().map(|handle| handle.join().expect("hashing does not panic")).collect()
    });
    let mut contents = vec![Content::default(); paths.len()];
    for part in parts {
        for (index, content) in part? {
            contents[index] = content;
        }
    }
    Ok(contents)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Split;

    #[test]
    fn the_digest_sees_every_field() {
        let task = Task::Multilabel { tasks: vec!["a".into(), "b".into()] };
        let sample = Sample {
            id: "x".into(),
            target: Target::Labels(vec![Some(true), None]),
            group: Some("p".into()),
            split: Some(Split::Val),
        };
        let reference = dataset_digest(&task, std::slice::from_ref(&sample), &[[1; 32]]);
        assert_eq!(reference, dataset_digest(&task, std::slice::from_ref(&sample), &[[1; 32]]));
        let others = [
            (Sample { id: "y".into(), ..sample.clone() }, [1; 32]),
            (Sample { target: Target::Labels(vec![Some(true), Some(false)]), ..sample.clone() }, [1; 32]),
            (Sample { group: None, ..sample.clone() }, [1; 32]),
            (Sample { split: None, ..sample.clone() }, [1; 32]),
            (sample.clone(), [2; 32]),
        ];
        for (other, content) in others {
            assert_ne!(reference, dataset_digest(&task, &[other], &[content]));
        }
        let renamed = Task::Multilabel { tasks: vec!["a".into(), "c".into()] };
        assert_ne!(reference, dataset_digest(&renamed, &[sample], &[[1; 32]]));
    }

    #[test]
    fn files_are_hashed_in_order_and_a_missing_one_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let paths: Vec<_> = (0..20).map(|i| folder.path().join(format!("{i}"))).collect();
        for (i, path) in paths.iter().enumerate() {
            std::fs::write(path, [i as u8]).unwrap();
        }
        let hashes = hash_files(&paths).unwrap();
        assert!(hashes.iter().enumerate().all(|(i, hash)| hash == blake3::hash(&[i as u8]).as_bytes()));
        std::fs::remove_file(&paths[7]).unwrap();
        let text = hash_files(&paths).unwrap_err().to_string();
        assert!(text.contains(&paths[7].display().to_string()), "{text}");
    }
}
