//! Makes the list of dataset kinds into the type that a configuration is read into.

use serde::de::{DeserializeOwned, Error};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use crate::datasets::about::About;

/// Defines [`DatasetConfig`](crate::datasets::DatasetConfig) from rows `Variant(module::Options)`,
/// whose options implement [`DatasetKind`](crate::datasets::DatasetKind).
macro_rules! datasets {
    ($($variant:ident($module:ident::$options:ident),)*) => {
        $(pub use $module::$options;)*

        /// A dataset as a configuration names it: the key `kind`, such as `kind = "folder"`, and
        /// the fields of the variant's type. Paths are relative to the data root.
        ///
        /// ```
        /// use ff_data::DatasetConfig;
        /// use ff_data::datasets::Folder;
        ///
        /// let config: DatasetConfig = toml::from_str("kind = 'folder'\npath = 'cells'").unwrap();
        /// assert_eq!(config, DatasetConfig::Folder(Folder { path: "cells".into() }));
        /// ```
        #[derive(Clone, Debug, PartialEq)]
        pub enum DatasetConfig {
            $(#[doc = concat!("See [`", stringify!($options), "`].")] $variant($options),)*
        }

        impl DatasetConfig {
            /// Every dataset kind.
            pub const KINDS: &[About] = &[$(<$options>::ABOUT),*];

            /// Its kind, as a configuration names it.
            pub fn kind(&self) -> &'static str {
                match self { $(Self::$variant(_) => <$options>::KIND,)* }
            }

            /// Opens the dataset.
            ///
            /// Every file that `hashes` does not know is read once, on all cores, to compute the
            /// digest. The first time, this takes as long as reading the dataset from disk. Nothing
            /// is decoded.
            ///
            /// # Errors
            /// [`Error::Read`](crate::Error::Read) or [`Error::Dataset`](crate::Error::Dataset),
            /// naming the file and row, also for a relative path that leaves the data root.
            pub fn open(
                &self,
                data_root: &std::path::Path,
                hashes: &FileHashes,
            ) -> Result<std::sync::Arc<dyn crate::dataset::Dataset>, crate::error::Error> {
                match self { $(Self::$variant(options) => options.open(data_root, hashes),)* }
            }

            /// Returns the numbers that the dataset's authors publish. `None` for your own data,
            /// and if the form of `dataset` has no published numbers.
            pub fn published(&self, dataset: &dyn crate::dataset::Dataset) -> Option<Published> {
                match self { $(Self::$variant(options) => options.published(dataset),)* }
            }
        }

        /// Images of one's own in class folders, in the data root.
        impl Default for DatasetConfig {
            fn default() -> Self {
                Self::Folder(Folder { path: <Folder as crate::datasets::DatasetKind>::PATH.into() })
            }
        }

        impl serde::Serialize for DatasetConfig {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                match self {
                    $(Self::$variant(options) => {
                        config::Tagged { kind: <$options>::KIND, options }.serialize(serializer)
                    })*
                }
            }
        }

        impl<'de> serde::Deserialize<'de> for DatasetConfig {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let (kind, fields) = config::read(deserializer, Self::KINDS)?;
                match kind {
                    $(kind if kind == <$options>::KIND => config::options(fields).map(Self::$variant),)*
                    _ => unreachable!("a kind that was found"),
                }
            }
        }

        #[cfg(feature = "schemars")]
        impl schemars::JsonSchema for DatasetConfig {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                "DatasetConfig".into()
            }

            fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
                config::schema([
                    $((<$options>::ABOUT, <$options as schemars::JsonSchema>::json_schema(generator))),*
                ])
            }
        }
    };
}

pub(super) use datasets;

/// Builds the schema of all kinds: the options of each, with `kind` and the default of `path`.
#[cfg(feature = "schemars")]
pub fn schema<const N: usize>(options: [(About, schemars::Schema); N]) -> schemars::Schema {
    use serde_json::json;

    let of_kind = |(about, schema): (About, schemars::Schema)| {
        let members: Vec<&str> = about.members.iter().map(|(member, _)| *member).collect();
        let mut kinds = vec![(json!({ "type": "string", "const": about.kind }), schema.clone())];
        if !members.is_empty() {
            kinds.push((json!({ "type": "string", "enum": members }), schema));
        }
        kinds.into_iter().enumerate().map(move |(number, (kind, mut schema))| {
            let needed = schema.get("required").and_then(Value::as_array).into_iter().flatten();
            // `path` has a default, and a member's kind is its name.
            let needed = needed.filter(|&key| key != "path" && (number == 0 || key != "name")).cloned();
            let required: Vec<Value> = std::iter::once("kind".into()).chain(needed).collect();
            schema.insert("required".into(), required.into());
            if let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) {
                if number > 0 {
                    properties.remove("name");
                }
                properties.insert("kind".into(), kind);
                if let Some(path) = properties.get_mut("path").and_then(Value::as_object_mut) {
                    path.insert("default".into(), about.path.into());
                }
            }
            schema
        })
    };
    let all: Vec<_> = options.into_iter().flat_map(of_kind).collect();
    schemars::json_schema!({ "oneOf": all })
}

/// The options of a dataset, with their kind.
#[derive(Serialize)]
pub struct Tagged<'a, T> {
    pub kind: &'static str,
    #[serde(flatten)]
    pub options: &'a T,
}

/// Reads the kind and the options of a configuration. The name of a family's member may be given as
/// the kind.
pub fn read<'de, D: Deserializer<'de>>(
    deserializer: D,
    kinds: &[About],
) -> Result<(&'static str, Map<String, Value>), D::Error> {
    let mut fields = Map::deserialize(deserializer)?;
    let kind = fields.remove("kind").ok_or_else(|| D::Error::missing_field("kind"))?;
    let kind: String = options(kind)?;
    let mut place = |about: &About| {
        if about.on_disk() {
            fields.entry("path").or_insert_with(|| about.path.into());
        }
    };
    if let Some(about) = kinds.iter().find(|about| about.kind == kind) {
        place(about);
        return Ok((about.kind, fields));
    }
    let names = |about: &About| about.members.iter().any(|(name, _)| *name == kind);
    let Some(family) = kinds.iter().find(|about| names(about)) else {
        let known: Vec<String> = kinds.iter().map(|about| format!("`{}`", about.kind)).collect();
        let known = known.join(", ");
        return Err(D::Error::custom(format!("unknown variant `{kind}`, expected one of {known}")));
    };
    place(family);
    if fields.insert("name".to_owned(), kind.clone().into()).is_some() {
        return Err(D::Error::custom(format!("unknown field `name` beside the kind `{kind}`")));
    }
    Ok((family.kind, fields))
}

/// Reads the options that a dataset kind declares.
pub fn options<T: DeserializeOwned, E: Error>(fields: impl Into<Value>) -> Result<T, E> {
    serde_json::from_value(fields.into()).map_err(E::custom)
}

#[cfg(test)]
mod tests {
    use crate::datasets::{DatasetConfig, Folder, MedMnist, MedMnistName, PhantomConfig};

    fn read(text: &str) -> Result<DatasetConfig, String> {
        toml::from_str(text).map_err(|error: toml::de::Error| error.message().to_owned())
    }

    #[test]
    fn unknown_keys_are_refused() {
        assert_eq!(
            read("kind = 'folder'\npath = 'cells'").unwrap(),
            DatasetConfig::Folder(Folder { path: "cells".into() })
        );
        let phantom =
            "kind = 'phantom'\ntask = 'grades'\nimage_size = 32\ntrain = 8\nval = 8\ntest = 8\nseed = 1";
        assert!(matches!(
            read(phantom).unwrap(),
            DatasetConfig::Phantom(PhantomConfig { shifted: false, .. })
        ));
        for (bad, text) in [
            ("kind = 'folder'\npath = 'x'\nroot = 'y'", "unknown field `root`, expected `path`"),
            (
                "kind = 'folders'\npath = 'x'",
                "unknown variant `folders`, expected one of `folder`, `manifest`",
            ),
            ("path = 'x'", "missing field `kind`"),
            ("kind = 'medmnist'\npath = 'x'", "missing field `name`"),
            ("kind = 'octmnist'\nname = 'pathmnist'\npath = 'x'", "unknown field `name`"),
        ] {
            let error = read(bad).unwrap_err();
            assert!(error.contains(text), "{bad}: {error}");
        }
        assert!(read(&format!("{phantom}\nseeds = 2")).is_err());
    }

    #[test]
    fn every_kind_on_disk_needs_no_more_than_a_path() {
        for about in DatasetConfig::KINDS.iter().filter(|about| about.on_disk()) {
            for (name, _) in about.names() {
                let config = read(&format!("kind = '{name}'\npath = 'x'")).unwrap();
                let value = serde_json::to_value(&config).unwrap();
                assert_eq!(value["kind"], about.kind);
                assert!(about.members.is_empty() || value["name"] == name, "{value}");
                assert_eq!(serde_json::from_value::<DatasetConfig>(value).unwrap(), config);
            }
        }
    }

    #[test]
    fn a_path_has_a_default() {
        let path = |kind: &str| serde_json::to_value(read(&format!("kind = '{kind}'")).unwrap()).unwrap();
        assert_eq!(path("folder")["path"], ".");
        assert_eq!(path("manifest")["path"], "labels.csv");
        assert_eq!(path("cifar10.1")["path"], "cifar10.1");
        assert_eq!(path("octmnist")["path"], "medmnist");
    }

    #[test]
    fn a_members_name_is_short_for_kind_and_name() {
        let long = read("kind = 'medmnist'\nname = 'octmnist'\npath = 'x'").unwrap();
        assert_eq!(read("kind = 'octmnist'\npath = 'x'").unwrap(), long);
        let options = MedMnist { name: MedMnistName::Octmnist, path: "x".into() };
        assert_eq!(long, DatasetConfig::MedMnist(options));
        assert_eq!(
            toml::to_string(&long).unwrap(),
            "kind = \"medmnist\"\nname = \"octmnist\"\npath = \"x\"\n"
        );
    }

    #[test]
    fn kinds_and_names_are_unique() {
        let mut names: Vec<&str> = DatasetConfig::KINDS
            .iter()
            .flat_map(|about| std::iter::once(about.kind).chain(about.members.iter().map(|(name, _)| *name)))
            .collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
    }
}
