//! Weights of the Hugging Face hub where there is no network.

use crate::place::{Place, RUN, Ran, SHAPES, assert_has};

/// Runs a command line with the variables of the hub.
fn run(place: &Place, line: &str, variables: &[(&str, &str)]) -> Ran {
    let words: Vec<&str> = line.split(' ').collect();
    Ran::of(place.command(&words).env_remove("HF_HUB_OFFLINE").envs(variables.iter().copied()))
}

#[test]
fn weights_in_the_cache_are_used_and_others_refused_offline() {
    let place = Place::with_table(SHAPES);
    place.run(RUN).ok();
    let (model, commit) = ("hf-home/hub/models--me--pico", "0123456789abcdef0123456789abcdef01234567");
    place.write(&format!("{model}/refs/main"), commit);
    let snapshot = format!("{model}/snapshots/{commit}");
    std::fs::create_dir_all(place.path(&snapshot)).unwrap();
    let soup = place.path("runs/tables/tiny/soup.safetensors");
    std::fs::copy(soup, place.path(&snapshot).join("model.safetensors")).unwrap();

    let cached = format!("{RUN} --set name=cached --set backbone.weights=me/pico");
    let missing = format!("{RUN} --set backbone.weights=me/gone");
    for value in ["1", "true", "YES", "on"] {
        let offline = [("HF_HUB_OFFLINE", value)];
        let refused = run(&place, &missing, &offline).refused(1, &["me/gone: not in the Hugging Face cache"]);
        assert_has(
            &refused,
            &["HF_HUB_OFFLINE is set\nhint: unset", "hint: without the hub, weights are `random`"],
        );
        let planned = run(&place, &missing.replace(" run ", " plan "), &offline).ok();
        assert_has(&planned, &["blocked:\n  weights of pico: me/gone", "HF_HUB_OFFLINE is set"]);
        run(&place, &cached, &offline).ok();
    }
    // Nothing answers at this port.
    let online = [("HF_HUB_OFFLINE", "0"), ("HF_ENDPOINT", "http://127.0.0.1:9")];
    let refused = run(&place, &missing, &online).refused(1, &["127.0.0.1:9", "hint: check the network"]);
    assert!(refused.contains("hint: without the hub") && !refused.contains("is set"), "{refused}");
    run(&place, &cached, &online).ok();
}
