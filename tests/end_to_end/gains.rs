//! `ff-eval gains`: methods over datasets, networks and seeds.

use ff_checkpoint::serde_json::Value;

use crate::place::{Place, assert_has};

/// Writes predictions of two classes, of which the first `right` of `images` are right.
fn predictions(place: &Place, file: &str, images: usize, right: usize) {
    let line =
        |image: usize| format!("{},{},{}\n", image % 2, (image % 2) ^ usize::from(image >= right), 0.5);
    let mut text = String::from("target,logit_1,logit_0\n");
    (0..images).for_each(|image| text += &line(image));
    place.write(file, &text);
}

/// The numbers of right images of 40, by dataset, seed and method; the baseline has 20.
const RIGHT: [(&str, usize, &str, usize); 6] = [
    ("a", 0, "Soup", 24),
    ("a", 1, "Soup", 28),
    ("b", 0, "Soup", 20),
    ("b", 1, "Soup", 20),
    ("c", 0, "Soup", 40),
    ("c", 1, "Soup", 40),
];

/// Two lists, a seed each.
fn lists(place: &Place) {
    predictions(place, "base.csv", 40, 20);
    for seed in 0..2 {
        let mut list = String::from("dataset,network,seed,method,on,metric,marks,predictions\n");
        for (dataset, _, method, right) in RIGHT.iter().filter(|of| of.1 == seed) {
            predictions(place, &format!("{dataset}{seed}.csv"), 40, *right);
            for network in ["N", "M"] {
                list += &format!("{dataset},{network},,Best,test,accuracy,,../base.csv\n");
                list += &format!(
                    "{dataset},{network},,{method},test,accuracy,delivered,../{dataset}{seed}.csv\n"
                );
                list += &format!("{dataset},{network},,Best,noisy,accuracy,,../base.csv\n");
                list += &format!("{dataset},{network},,{method},noisy,accuracy,,../base.csv\n");
            }
        }
        place.write(&format!("seed{seed}/predictions.csv"), &list);
    }
}

const GAINS: &str =
    "ff-eval gains seed0/predictions.csv seed1/predictions.csv --baseline Best --except c --resamples 500";

fn find<'a>(found: &'a Value, method: &str, on: &str) -> &'a Value {
    let gains = found["gains"].as_array().unwrap();
    let of = |gain: &&Value| gain["method"] == method && gain["on"] == on && gain["network"].is_null();
    gains.iter().find(of).unwrap()
}

#[test]
fn gains_are_means_over_datasets_seeds_and_networks() {
    let place = Place::new();
    lists(&place);
    let found = place.json_of(&format!("{GAINS} --json --figure gains.svg"));
    let soup = find(&found, "Soup", "test");
    // Of a: (0.1 + 0.2) / 2; of b: 0; c is left out.
    let number = |value: &Value| value.as_f64().unwrap();
    assert!((number(&soup["mean"]["value"]) - 0.075).abs() < 1e-12, "{soup}");
    let datasets = soup["datasets"].as_array().unwrap();
    let gains: Vec<f64> = datasets.iter().map(|of| number(&of["gain"]["value"])).collect();
    for (found, expected) in gains.iter().zip([0.15, 0.0, 0.5]) {
        assert!((found - expected).abs() < 1e-12, "{gains:?}");
    }
    assert_eq!(datasets[0]["seeds"], 2);
    assert_eq!(number(&datasets[0]["baseline"]), 0.5);
    assert!((number(&datasets[0]["value"]) - 0.65).abs() < 1e-12);
    let interval = &soup["mean"]["interval"];
    assert!(number(&interval["low"]) <= 0.0 && number(&interval["high"]) > 0.075, "{interval}");
    // On shifted images both are the same model.
    let shifted = find(&found, "Soup", "shifted");
    assert_eq!((number(&shifted["mean"]["value"]), number(&shifted["mean"]["interval"]["high"])), (0.0, 0.0));
    // A marked row is a method of that name.
    assert_eq!(find(&found, "delivered", "test")["mean"], soup["mean"]);
    assert_has(&place.read("gains.svg"), &["Gain over Best", "test images", "Soup"]);
    assert_has(
        &place.run(GAINS).ok(),
        &["test, the dataset's metric", "+0.0750", "above in 1 of 2 datasets"],
    );
}

/// Scores that are kept compare as the predictions do.
#[test]
fn kept_scores_stand_for_predictions() {
    let place = Place::new();
    lists(&place);
    let options = "--baseline Best --except c --resamples 500 --metric log-loss --metric calibration --json";
    let mut kept = String::new();
    for seed in 0..2 {
        let keep = format!("--image-resamples 50 --keep {seed}.csv.gz");
        place.run(&format!("ff-eval gains seed{seed}/predictions.csv {options} {keep}")).ok();
        kept += &format!(" {seed}.csv.gz");
    }
    let found = place.json_of(&format!("ff-eval gains{kept} {options}"));
    let lists = "seed0/predictions.csv seed1/predictions.csv";
    let whole = place.json_of(&format!("ff-eval gains {lists} {options} --image-resamples 50"));
    let (found, whole) = (found["gains"].as_array().unwrap(), whole["gains"].as_array().unwrap());
    assert_eq!(found.len(), whole.len());
    for (found, whole) in found.iter().zip(whole) {
        for key in ["method", "network", "on", "metric"] {
            assert_eq!(found[key], whole[key]);
        }
        for value in ["/mean/value", "/mean/interval/low", "/mean/interval/high"] {
            let [one, other] = [found, whole].map(|of| of.pointer(value).and_then(Value::as_f64).unwrap());
            // Scores on resamples are kept with four decimals.
            assert!((one - other).abs() < 1.1e-4, "{found} {whole}");
        }
    }
    // What is undefined stays so: AUROC of images of one class.
    place.write("one.csv", "target,logit_0,logit_1\n0,0.5,0.1\n0,0.1,0.5\n");
    place.write(
        "one/predictions.csv",
        "dataset,network,seed,method,on,metric,marks,predictions\n\
         d,N,0,Best,test,accuracy,,../one.csv\nd,N,0,Soup,test,accuracy,,../one.csv\n",
    );
    let line = "--baseline Best --metric auroc";
    let printed = place.run(&format!("ff-eval gains one/predictions.csv {line} --keep one.csv.gz")).ok();
    assert_eq!(place.run(&format!("ff-eval gains one.csv.gz {line}")).ok(), printed);
    place
        .run(&format!("ff-eval gains{kept} --baseline Best --metric auroc"))
        .refused(1, &["0.csv.gz: no scores of Best in auroc"]);
    place
        .run("ff-eval gains 0.csv.gz seed1/predictions.csv --baseline Best")
        .refused(1, &["a: expected scores on the same number of resamples; see --image-resamples"]);
    place
        .run(&format!("ff-eval gains {lists} --baseline Best --keep kept.csv"))
        .refused(1, &["--keep: expected a name that ends in .csv.gz, found kept.csv"]);
}

#[test]
fn lists_that_cannot_be_compared_are_refused() {
    let place = Place::new();
    lists(&place);
    place.run(&GAINS.replace("--baseline Best", "--baseline best")).refused(
        1,
        &["--baseline: expected one of the methods of the lists (Best, Soup, delivered), found best"],
    );
    place.run(&format!("{GAINS} --method Greedy")).refused(1, &["--method: expected one of", "found Greedy"]);
    place.run(&format!("{GAINS} --metric macro-f2")).refused(2, &["macro-f2"]);
    let twice = place.read("seed0/predictions.csv");
    let line = twice.lines().nth(1).unwrap();
    place.write("seed0/predictions.csv", &format!("{twice}{line}\n"));
    place
        .run(GAINS)
        .refused(1, &["expected one line for Best of N on a, test, found two with the same seed"]);
}
