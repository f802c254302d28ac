//! Tells what weights are before they are loaded.

mod record;
mod yaml;

use std::path::Path;

use ff_checkpoint::StateDict;
use ff_checkpoint::serde_json::{Map, Value};

use self::record::{Record, known};
use crate::architecture::Architecture;
use crate::error::{Error, Mismatch};
use crate::load::Fit;
use crate::names::{is_lookalike, name_of};
use crate::normalisation::Normalisation;
use crate::timm_config::{read_config, read_text};

/// What is known of weights before they are loaded.
///
/// ```
/// use ff_models::tch::Device;
/// use ff_models::{Architecture, Identity, Model, Spec, StateDict};
///
/// let model = Model::new(&Spec::new(Architecture::VGG_PICO, 3), Device::Cpu, 0)?;
/// let identity = Identity::of(&StateDict::from_tensors(model.state_dict()), None)?;
/// assert_eq!((identity.architecture, identity.outputs), (Architecture::VGG_PICO, 3));
/// assert_eq!(identity.told_by, "names and shapes");
/// # Ok::<(), ff_models::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Identity {
    /// The architecture.
    pub architecture: Architecture,
    /// What told the architecture: `its provenance`, `--arch`, `config.json`, `args.yaml`,
    /// `hparams.yaml`, a value in the file such as `` `args.model` in the file ``, or
    /// `names and shapes`.
    pub told_by: String,
    /// The number of outputs of the classifier.
    pub outputs: usize,
    /// The names of the classes in the order of the outputs, and where they are recorded.
    pub classes: Option<(Vec<String>, String)>,
    /// The side in pixels of the images: that which the position embedding is for, or a recorded one.
    pub image_size: Option<u32>,
    /// The recorded normalisation of the images; where the provenance names a model without one, the
    /// architecture's.
    pub normalisation: Option<Normalisation>,
    /// Records and sets of weights in the file that are left out, and why.
    pub notes: Vec<String>,
}

impl Identity {
    /// Finds out what weights are from their tensors and from what their program wrote down.
    ///
    /// The tensors decide: the architecture is one of [`Architecture::ALL`] whose names and shapes
    /// [`Model::load_strict`](crate::Model::load_strict) takes, for any number of outputs and size of
    /// the position embedding. The records, in the order in which they count:
    ///
    /// 1. the provenance of this software's weights; if it names a model, 3 to 5 do not count
    /// 2. `asked`
    /// 3. `config.json` beside the file, of timm, transformers or a training script
    /// 4. timm's `args.yaml` and Lightning's `hparams.yaml`, beside the file or one folder up
    /// 5. values in the file ([`StateDict::saved_with`]), in timm's `args` and in Lightning's
    ///    `hyper_parameters`
    ///
    /// A list of classes counts if it has a name for each output and none twice. Files that cannot be
    /// read are [`notes`](Self::notes).
    ///
    /// # Errors
    /// [`Error::Unidentified`] for tensors of no known architecture or of another one than a record
    /// names; [`Error::Copies`], [`Error::Type`].
    pub fn of(weights: &StateDict, asked: Option<Architecture>) -> Result<Self, Error> {
        let mut notes = Vec::new();
        let records = records(weights, asked, &mut notes);
        let (architecture, fit, told_by) = recognise(weights, &records)?;
        let classes = records.iter().flat_map(|record| record.classes()).find(|(names, place)| {
            let why = misfit(names, fit.outputs);
            notes.extend(why.iter().map(|why| format!("{place}: {why}")));
            why.is_none()
        });
        let recorded = records.iter().find_map(|record| Some((record.image_size()?, &record.place)));
        if let (Some(own), Some((other, place))) = (fit.image_size, recorded)
            && own != other
        {
            notes.push(format!(
                "{place}: the position embedding is for images of {own} px, not of {other} px"
            ));
        }
        let recorded = recorded.map(|(size, _)| size).filter(|&size| architecture.sizes.contain(size));
        let others = weights.other_sets();
        if !others.is_empty() {
            notes.push(format!("also holds {}, not used", others.join(" and ")));
        }
        let normalisation = records.iter().find_map(Record::normalisation);
        // A `Spec` without a normalisation has the architecture's.
        let of_own = own_model(weights).map(|_| architecture.normalisation);
        Ok(Self {
            architecture,
            told_by,
            outputs: fit.outputs,
            classes,
            image_size: fit.image_size.or(recorded),
            normalisation: normalisation.or(of_own),
            notes,
        })
    }
}

/// Returns why names cannot be those of the outputs.
fn misfit(names: &[String], outputs: usize) -> Option<String> {
    if names.len() != outputs {
        return Some(format!("expected the names of {outputs} classes, found {}", names.len()));
    }
    let mut sorted: Vec<&String> = names.iter().collect();
    sorted.sort_unstable();
    let twice = sorted.windows(2).find(|pair| pair[0] == pair[1])?;
    Some(format!("expected classes of different names, found `{}` twice", twice[0]))
}

/// Returns the architecture, what its tensors tell, and what told it.
fn recognise(weights: &StateDict, records: &[Record]) -> Result<(Architecture, Fit, String), Error> {
    let told: Vec<(&str, String)> = records.iter().filter_map(Record::architecture).collect();
    if let Some((name, place)) = told.iter().find(|(name, _)| is_lookalike(name)) {
        let hint =
            "its tensors have the names and shapes of a ResNet's, but its layers compute something else";
        return Err(unidentified(weights, known_architecture(), format!("`{name}`, as {place} says"), hint));
    }
    let mut named = told.iter().filter_map(|(name, place)| Some((known(name)?, place)));
    let Some((architecture, place)) = named.next() else {
        let (architecture, fit) = only_fit(weights)?;
        return Ok((architecture, fit, "names and shapes".to_owned()));
    };
    let fit = architecture.fit(weights).map_err(|error| match (only_fit(weights), error) {
        (Ok((other, _)), _) => contradiction(weights, (architecture, place), &format!("those of {other}")),
        (_, Error::Mismatch(mismatch)) => {
            let hint = hint(&mismatch);
            let found = found(&mismatch, "others");
            unidentified(weights, format!("weights of {architecture}, as {place} says"), found, &hint)
        }
        (_, error) => error,
    })?;
    match named.find(|(other, _)| *other != architecture) {
        Some(other) => Err(contradiction(weights, other, &format!("those of {architecture}"))),
        None => Ok((architecture, fit, place.clone())),
    }
}

/// Returns the architecture whose names and shapes the weights have.
fn only_fit(weights: &StateDict) -> Result<(Architecture, Fit), Error> {
    let (mut fitting, mut errors) = (Vec::new(), Vec::new());
    for &architecture in Architecture::ALL {
        match architecture.fit(weights) {
            Ok(fit) => fitting.push((architecture, fit)),
            Err(error) => errors.push(error),
        }
    }
    match fitting.len() {
        1 => Ok(fitting.remove(0)),
        0 => Err(nearest(weights, errors)),
        _ => {
            let names: Vec<&str> = fitting.iter().map(|(architecture, _)| architecture.name).collect();
            let found = format!("those of {}", names.join(" or "));
            Err(unidentified(weights, "weights of one architecture".to_owned(), found, "name it with --arch"))
        }
    }
}

/// Returns the error of the architecture that the weights differ least from.
fn nearest(weights: &StateDict, errors: Vec<Error>) -> Error {
    let distance = |error: &Error| match error {
        Error::Mismatch(mismatch) => mismatch.missing.len() + mismatch.extra.len() + mismatch.misshapen.len(),
        _ => 0,
    };
    match errors.into_iter().min_by_key(distance) {
        Some(Error::Mismatch(mismatch)) => {
            let hint = hint(&mismatch);
            let found = match mismatch.extra.len() == weights.len() {
                true => "others, of other names".to_owned(),
                false => found(&mismatch, &format!("others, nearest to {}", mismatch.architecture)),
            };
            unidentified(weights, known_architecture(), found, &hint)
        }
        Some(error) => error,
        None => unidentified(weights, known_architecture(), "others".to_owned(), "name other weights"),
    }
}

fn known_architecture() -> String {
    "weights of a known architecture".to_owned()
}

/// Says what weights are that do not fit an architecture.
fn found(mismatch: &Mismatch, others: &str) -> String {
    let differences = differences(mismatch);
    match mismatch.without_classifier {
        true => format!("those of {} without its classifier: {differences}", mismatch.architecture),
        false => format!("{others}: {differences}"),
    }
}

/// Returns the first three tensors that differ.
fn differences(mismatch: &Mismatch) -> String {
    let missing = mismatch.missing.iter().map(|name| format!("`{name}` is missing"));
    let misshapen = mismatch
        .misshapen
        .iter()
        .map(|one| format!("`{}` has shape {:?}, not {:?}", one.name, one.found, one.expected));
    let extra = mismatch.extra.iter().map(|name| format!("`{name}` is unexpected"));
    let mut all = missing.chain(misshapen).chain(extra);
    let first: Vec<String> = all.by_ref().take(3).collect();
    match all.count() {
        0 => first.join(", "),
        more => format!("{}, and {more} more", first.join(", ")),
    }
}

fn hint(mismatch: &Mismatch) -> String {
    let names = || format!("known are {}", Architecture::names().collect::<Vec<_>>().join(", "));
    mismatch.hint.clone().unwrap_or_else(names)
}

fn contradiction(weights: &StateDict, told: (Architecture, &String), found: &str) -> Error {
    let (architecture, place) = told;
    let hint = match place.as_str() {
        ASKED => "leave it out",
        _ => "correct what it says, or name other weights",
    };
    unidentified(weights, format!("weights of {architecture}, as {place} says"), found.to_owned(), hint)
}

fn unidentified(weights: &StateDict, expected: String, found: String, hint: &str) -> Error {
    Error::Unidentified { file: name_of(weights), expected, found, hint: hint.to_owned() }
}

/// Returns the model that the provenance names.
fn own_model(weights: &StateDict) -> Option<&Map<String, Value>> {
    weights.provenance().ok()?.recipe.get("model")?.as_object()
}

const ASKED: &str = "--arch";

/// Returns the records, in the order in which they count.
fn records(weights: &StateDict, asked: Option<Architecture>, notes: &mut Vec<String>) -> Vec<Record> {
    let path = weights.path().map(|path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned()));
    let folder = path.as_deref().and_then(Path::parent);
    let own = folder.unwrap_or(Path::new(""));
    let mut records = Vec::new();
    let mut add = |place: &str, section, folder: &Path, values: Option<&Map<String, Value>>| {
        let (place, folder) = (place.to_owned(), folder.to_owned());
        records.extend(values.map(|values| Record { place, section, folder, values: values.clone() }));
    };
    let recipe = weights.provenance().ok().and_then(|made| made.recipe.as_object());
    let model = own_model(weights);
    let normalisation = model.and_then(|model| model.get("normalisation")?.as_object());
    for values in [model, normalisation, recipe] {
        add("its provenance", None, own, values);
    }
    if let Some(asked) = asked {
        let values = Map::from_iter([("architecture".to_owned(), asked.name.into())]);
        add(ASKED, None, own, Some(&values));
    }
    if model.is_some() {
        return records;
    }
    if let Some(folder) = folder {
        let path = folder.join("config.json");
        let config = read_config(&path).unwrap_or_else(|why| {
            notes.push(not_read(&path, &why));
            None
        });
        let pretrained = config.as_ref().and_then(|config| config.get("pretrained_cfg"));
        for values in [config.as_ref(), pretrained] {
            add("config.json", None, own, values.and_then(Value::as_object));
        }
        for place in ["args.yaml", "hparams.yaml"] {
            let Some(run) = folder.ancestors().take(2).find(|run| run.join(place).is_file()) else {
                continue;
            };
            let options = run.join(place);
            match read_text(&options).and_then(|text| yaml::parse(&text)) {
                Ok(values) => add(place, None, run, values.as_object()),
                Err(why) => notes.push(not_read(&options, &why)),
            }
        }
    }
    let saved = weights.saved_with();
    add("the file", Some(""), own, Some(saved));
    add("the file", Some("args."), own, saved.get("args").and_then(Value::as_object));
    let parameters = saved.get("hyper_parameters").and_then(Value::as_object);
    add("the file", Some("hyper_parameters."), own, parameters);
    records
}

fn not_read(path: &Path, why: &str) -> String {
    format!("{}: not read: {why}", path.display())
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::error::Misshapen;

    #[test]
    fn no_two_architectures_have_the_same_tensors() {
        let mut outlines = HashSet::new();
        for architecture in Architecture::ALL {
            let outline = architecture.outline();
            let rest = outline.iter().filter(|own| !own.is_of_layer(architecture.classifier));
            let tensors = rest.filter(|own| own.name != "pos_embed");
            let tensors: Vec<_> = tensors.map(|own| (own.name.clone(), own.tensor.size())).collect();
            assert!(outlines.insert(tensors), "{architecture}");
        }
    }

    #[test]
    fn differences_are_the_first_three() {
        let mut mismatch = Mismatch {
            file: "a.pth".to_owned(),
            architecture: "resnet18",
            missing: vec!["a".to_owned()],
            extra: vec!["c".to_owned()],
            misshapen: vec![Misshapen { name: "b".to_owned(), expected: vec![3], found: vec![4, 1] }],
            without_classifier: false,
            hint: None,
        };
        let first = "`a` is missing, `b` has shape [4, 1], not [3], `c` is unexpected";
        assert_eq!(differences(&mismatch), first);
        mismatch.extra.push("d".to_owned());
        assert_eq!(differences(&mismatch), format!("{first}, and 1 more"));
    }
}
