//! Values of metrics, which may be undefined.

use serde::{Deserialize, Serialize};

/// The value of a metric: a number, or the reason why it is undefined.
///
/// In JSON it is that number, or null with the reason. The form of older versions, `{"defined":
/// 0.81}` or `{"undefined": "no positive sample"}`, is read too.
///
/// ```
/// use ff_eval::Value;
///
/// assert_eq!(serde_json::to_string(&Value::Defined(0.81))?, "0.81");
/// let undefined = r#"{"value":null,"why":"no positive sample"}"#;
/// assert_eq!(serde_json::from_str::<Value>(undefined)?.value(), None);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(from = "Form", into = "Form")]
pub enum Value {
    /// A finite number.
    Defined(f64),
    /// The reason, in words.
    Undefined(String),
}

impl Value {
    /// The number, if there is one.
    pub fn value(&self) -> Option<f64> {
        match self {
            Value::Defined(value) => Some(*value),
            Value::Undefined(_) => None,
        }
    }
}

/// The serialized forms of a value.
#[derive(Serialize, Deserialize)]
#[serde(
    untagged,
    deny_unknown_fields,
    expecting = "expected a number or {\"value\": null, \"why\": TEXT}, found another value"
)]
enum Form {
    Number(f64),
    Null {
        value: (),
        why: String,
    },
    #[serde(skip_serializing)]
    OldNumber {
        defined: f64,
    },
    #[serde(skip_serializing)]
    OldReason {
        undefined: String,
    },
}

impl From<Form> for Value {
    fn from(form: Form) -> Value {
        match form {
            Form::Number(value) | Form::OldNumber { defined: value } => Value::Defined(value),
            Form::Null { value: (), why } | Form::OldReason { undefined: why } => Value::Undefined(why),
        }
    }
}

impl From<Value> for Form {
    fn from(value: Value) -> Form {
        match value {
            Value::Defined(value) => Form::Number(value),
            Value::Undefined(why) => Form::Null { value: (), why },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<Value, String> {
        serde_json::from_str(json).map_err(|error| error.to_string())
    }

    #[test]
    fn numbers_are_plain_and_reasons_are_kept() {
        let why = "output 0: no \"positive\" sample";
        let undefined = r#"{"value":null,"why":"output 0: no \"positive\" sample"}"#;
        for (value, json) in [
            (Value::Defined(0.1 + 0.2), "0.30000000000000004"),
            (Value::Defined(-1.0), "-1.0"),
            (Value::Undefined(why.into()), undefined),
        ] {
            assert_eq!(serde_json::to_string(&value).unwrap(), json);
            assert_eq!(read(json), Ok(value));
        }
        assert_eq!(read("1"), Ok(Value::Defined(1.0)));
    }

    #[test]
    fn old_records_are_read() {
        assert_eq!(read(r#"{"defined":0.30000000000000004}"#), Ok(Value::Defined(0.1 + 0.2)));
        assert_eq!(read(r#"{"undefined":"no samples"}"#), Ok(Value::Undefined("no samples".into())));
    }

    #[test]
    fn other_forms_are_refused() {
        for json in
            ["null", r#""0.5""#, r#"{"value":0.5,"why":"a"}"#, r#"{"value":null}"#, r#"{"defined":null}"#]
        {
            let error = read(json).unwrap_err();
            assert!(error.starts_with("expected a number or"), "{json}: {error}");
        }
        assert!(read(r#"{"defined":0.5,"undefined":"why"}"#).is_err());
    }
}
