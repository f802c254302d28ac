//! Computes the digest of a dataset.

use crate::dataset::{Content, Inventory, Sample, Target, Task};

impl Inventory {
    /// Creates an inventory with the contents of its images, and computes its digest.
    pub(crate) fn hashed(task: Task, samples: Vec<Sample>, contents: Vec<Content>) -> Self {
        let digest = dataset_digest(&task, &samples, &contents);
        Self { contents: Some(contents), ..Self::new(task, samples, digest) }
    }
}

/// Hex BLAKE3 over the task and each sample's id, target, split, group and content.
fn dataset_digest(task: &Task, samples: &[Sample], contents: &[Content]) -> String {
    let mut hasher = blake3::Hasher::new();
    // Each field follows its length, so different datasets never hash the same bytes.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::Split;

    #[test]
    fn the_digest_covers_every_field() {
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
}
