//! Pickles of every protocol, damaged ones, and ones that would run code.

use ff_pickle::{Error, MAX_VALUES, Pickle};

/// `{"labels": [1, 300]}` as Python 2 writes it.
const SMALL: &[u8] = b"\x80\x02}q\x00U\x06labelsq\x01]q\x02(K\x01M,\x01es.";

fn parse(bytes: &[u8]) -> Result<Pickle<'_>, Error> {
    Pickle::parse(bytes, |module, name| (module, name) == ("collections", "OrderedDict"))
}

fn labels(bytes: &[u8]) -> Option<Vec<i64>> {
    parse(bytes).unwrap().root().get("labels")?.items()?.map(|item| item.integer()).collect()
}

#[test]
fn lists_of_integers_of_every_protocol() {
    assert_eq!(labels(SMALL).unwrap(), [1, 300]);
    assert_eq!(labels(b"(dp0\nS'labels'\np1\n(lp2\nI7\naL-8L\nas.").unwrap(), [7, -8]);
    assert_eq!(labels(b"(dp0\nVlabels\np1\n(lp2\nI7\nas.").unwrap(), [7]);
    // `pickle.dumps({"labels": [1, 70000]}, 4)`
    let framed =
        b"\x80\x04\x95\x16\x00\x00\x00\x00\x00\x00\x00}\x94\x8c\x06labels\x94]\x94(K\x01Jp\x11\x01\x00es.";
    assert_eq!(labels(framed).unwrap(), [1, 70_000]);
}

#[test]
fn an_ordered_dict_has_entries_and_a_state() {
    let bytes = b"\x80\x02ccollections\nOrderedDict\n)RX\x01\x00\x00\x00aK\x01sX\x01\x00\x00\x00aK\x02s}X\x09\x00\x00\x00_metadataNsb.";
    let pickle = parse(bytes).unwrap();
    let root = pickle.root();
    assert_eq!(root.entries().unwrap().count(), 2);
    assert_eq!(root.get("a").and_then(|value| value.integer()), Some(2), "the last of equal keys counts");
    let object = root.object().unwrap();
    assert!(object.is("collections", "OrderedDict") && object.state.unwrap().get("_metadata").is_some());
    assert_eq!(pickle.length(), bytes.len());
}

#[test]
fn bytes_of_python_3_in_an_old_protocol() {
    // `pickle.dumps(b"\x00\xe9", 2)`
    let bytes = b"\x80\x02c_codecs\nencode\nX\x03\x00\x00\x00\x00\xc3\xa9X\x06\x00\x00\x00latin1\x86R.";
    let pickle = Pickle::parse(bytes, |module, name| (module, name) == ("_codecs", "encode")).unwrap();
    assert_eq!(pickle.root().bytes().unwrap().as_ref(), [0, 0xe9]);
    assert!(pickle.root().text().is_none());
}

#[test]
fn nothing_is_called() {
    let calls: [&[u8]; 4] = [
        b"cos\nsystem\n(U\x04exittR.",
        b"(S'exit'\nios\nsystem\n.",
        b"(cos\nsystem\nU\x04exito.",
        b"\x80\x04\x8c\x02os\x94\x8c\x06system\x94\x93\x94\x8c\x04exit\x94\x85\x94R\x94.",
    ];
    for bytes in calls {
        assert_eq!(parse(bytes).err(), Some(Error::Call("os.system".to_owned())));
    }
    // A call of the result of another call.
    let error = parse(b"ccollections\nOrderedDict\n)R)R.").err().unwrap().to_string();
    assert_eq!(error, "a call of a value that is not a function at byte 28");
}

#[test]
fn an_object_of_any_class_is_data() {
    let bytes = b"\x80\x02cargparse\nNamespace\n)\x81}X\x02\x00\x00\x00lrG?\xb9\x99\x99\x99\x99\x99\x9asb.";
    let pickle = parse(bytes).unwrap();
    let object = pickle.root().object().unwrap();
    assert!(object.is("argparse", "Namespace") && object.state.unwrap().get("lr").is_some());
}

#[test]
fn floats_of_both_forms_and_none() {
    for bytes in [&b"\x80\x02G?\xb9\x99\x99\x99\x99\x99\x9a."[..], b"F0.1\n."] {
        let pickle = parse(bytes).unwrap();
        assert_eq!((pickle.root().float(), pickle.root().integer()), (Some(0.1), None));
    }
    let pickle = parse(b"N.").unwrap();
    assert!(pickle.root().is_none() && pickle.root().float().is_none());
    assert!(parse(b"F0.1x\n.").is_err());
}

#[test]
fn every_prefix_is_refused() {
    for length in 0..SMALL.len() {
        assert!(parse(&SMALL[..length]).is_err(), "{length}");
    }
    // A length of four gigabytes in a file of six bytes.
    let error = parse(b"T\xff\xff\xff\xff.").err().unwrap().to_string();
    assert_eq!(error, "the end of the file inside an operation at byte 0");
    assert!(parse(b"\x80\x06.").is_err() && parse(b"\x8c").is_err() && parse(b"").is_err());
}

#[test]
fn every_changed_byte_is_read_or_refused_without_panic() {
    for place in 0..SMALL.len() {
        for byte in 0..=255 {
            let mut bytes = SMALL.to_vec();
            bytes[place] = byte;
            if let Ok(pickle) = parse(&bytes) {
                for value in pickle.values() {
                    let _ = (value.get("labels").is_some(), value.text(), value.object().is_some());
                }
            }
        }
    }
}

#[test]
fn memory_is_bounded() {
    let error = parse(&vec![b'N'; MAX_VALUES + 2]).err().unwrap().to_string();
    assert!(error.starts_with("too many values"), "{error}");
}
