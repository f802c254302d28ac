//! The most confident mistakes of a model.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use maud::{Markup, html};

use crate::report::data::{ColumnReport, Mistake, Thumbnail};

const INTRODUCTION: &str = "Test images that the soup predicts wrongly with the highest confidence, which is calibrated; labels \
                            count as predicted from one half, whatever the threshold. Check them: a \
                            label may be wrong, too. Of a convolutional network, the second picture shows which \
                            places add to the predicted class (Grad-CAM): regions of the last feature map, not edges, and \
                            no proof of a cause.";

pub(super) fn of_column(column: &ColumnReport) -> Option<Markup> {
    let mistakes = column.mistakes.as_ref()?;
    Some(html! {
        p { (INTRODUCTION) }
        @if let Some(why) = &mistakes.no_pictures { p.note { "No pictures: " (why) } }
        @if mistakes.mistakes.is_empty() { p { (mistakes.model) " makes no mistake on the test split." } }
        ul.mistakes { @for mistake in &mistakes.mistakes { li { (one(mistake)) } } }
    })
}

fn one(mistake: &Mistake) -> Markup {
    let name = mistake.sample.as_deref().unwrap_or("a test image");
    html! {
        @if let Some(picture) = &mistake.picture {
            (image(picture, &format!("{name}: predicted {}, true label {}", mistake.answer.said, mistake.answer.truth)))
        }
        @if let Some(explained) = &mistake.explained {
            (image(explained, &format!("{name}: what adds to {}", mistake.answer.said)))
        }
        span { "predicted " strong { (mistake.answer.said) } " (" (format!("{:.1}", mistake.confidence * 100.0)) " %)" }
        span { "true label " strong { (mistake.answer.truth) } }
        span.note { (name) }
    }
}

fn image(picture: &Thumbnail, said: &str) -> Markup {
    html! {
        img src=(format!("data:{};base64,{}", picture.media_type, STANDARD.encode(&picture.bytes)))
            width=(picture.width) height=(picture.height) loading="lazy" alt=(said);
    }
}
