//! Surfaces and heatmaps.

use ff_report::{Error, Heatmap, Mark, Surface};

/// Two basins with a ridge between them, and a corner without values.
fn surface(points: usize, flat: f64) -> Surface {
    let places: Vec<f64> =
        (0..points).map(|at| 4.0 * (-0.2 + 1.4 * at as f64 / (points - 1) as f64)).collect();
    let basin = |x: f64, y: f64, at: (f64, f64)| ((x - at.0).powi(2) + (y - at.1).powi(2)) / 4.0;
    let value = |x: f64, y: f64| {
        0.9 - 0.6 * (-basin(x, y, (0.0, 0.0))).exp() - 0.5 * (-basin(x, y, (4.0, 2.0))).exp()
    };
    let ys: Vec<f64> = places.iter().map(|y| y * flat).collect();
    let row = |y: f64| places.iter().map(|&x| (x + y < 7.5).then(|| value(x, y))).collect();
    let mark = |name: &str, x: f64, y: f64| Mark { name: name.into(), x, y };
    Surface {
        title: "Shapes, ResNet-pico: validation error around the grid's best".into(),
        x_label: "along w2 − w0, L2 distance".into(),
        y_label: "across, L2 distance".into(),
        value_label: "validation error, 1 − accuracy".into(),
        values: ys.iter().map(|&y| row(y)).collect(),
        x: places,
        y: ys,
        marks: vec![
            mark("w0: lr 1e-3 minimal seed 0, 0.3542", 0.0, 0.0),
            mark("w2: lr 3e-3 minimal seed 0, 0.3625", 4.0, 0.0),
            mark("w1: lr 1e-3 heavy seed 0, 0.3708", 1.6, 4.0 * flat),
            mark("Greedy Soup, 0.3458", 1.9, 1.2 * flat),
            mark("outside", 9.0, 9.0),
        ],
        notes: vec!["Greedy Soup is 0.42 from the plane".into(), "local minima: 2".into()],
    }
}

fn heat(size: usize) -> Heatmap {
    let names: Vec<String> = (0..size).map(|at| format!("lr 3e-{at} minimal seed 0")).collect();
    let value =
        |row: usize, column: usize| (row != column).then(|| ((row * 7 + column * 7) % 13) as f64 * 0.04);
    let values = (0..size).map(|row| (0..size).map(|column| value(row, column)).collect()).collect();
    let (title, value_label) = ("Barriers".to_owned(), "barrier, 1 − accuracy".to_owned());
    Heatmap { title, value_label, columns: names.clone(), rows: names, values }
}

/// Saves a picture in the folder that the environment variable `FIGURES` names, if it is set.
fn keep(name: &str, svg: &str) {
    if let Some(folder) = std::env::var_os("FIGURES") {
        std::fs::write(std::path::Path::new(&folder).join(name), svg).unwrap();
    }
}

/// The number of rectangles in a picture.
fn rectangles(svg: &str) -> usize {
    svg.matches("<rect").count()
}

#[test]
fn surfaces_have_levels_and_marks() {
    let svg = surface(29, 0.8).to_svg().unwrap();
    keep("surface.svg", &svg);
    for text in ["0.3", "0.4", "0.5", "0.8", "Greedy Soup, 0.3458", "outside", "local minima: 2"] {
        assert!(svg.contains(&format!(">\n{text}\n</text>")), "{text}");
    }
    // Four marks are inside, each with an edge, and all five in the legend.
    let circles = svg.matches("<circle").count();
    assert_eq!(circles, 2 * 2, "the first mark is a circle, in the plot and in the legend");
    assert!(svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>"));
    assert_eq!(svg, surface(29, 0.8).to_svg().unwrap());
    assert!(svg.len() < 400_000, "{}", svg.len());
}

#[test]
fn flat_surfaces_have_a_height_and_one_value_has_one_colour() {
    keep("flat.svg", &surface(15, 0.05).to_svg().unwrap());
    let mut plain = surface(5, 1.0);
    plain.values.iter_mut().flatten().for_each(|value| *value = Some(0.5));
    let svg = plain.to_svg().unwrap();
    // Picture, background of the plot, a strip for each of four rows, the bar.
    assert_eq!(rectangles(&svg), 1 + 1 + 4 + 1, "{svg}");
}

#[test]
fn heatmaps_with_large_cells_show_values() {
    let small = heat(12).to_svg().unwrap();
    keep("heat.svg", &small);
    assert!(small.contains(">\n.48\n</text>") && small.contains("lr 3e-11 minimal seed 0"));
    let large = heat(48).to_svg().unwrap();
    keep("heat-48.svg", &large);
    assert!(!large.contains(">\n.48\n</text>") && rectangles(&large) > 48 * 48);
}

#[test]
fn numbers_are_written_as_csv() {
    let mut small = surface(2, 1.0);
    small.values = vec![vec![Some(0.25), None], vec![Some(0.5), Some(1.0)]];
    (small.x, small.y) = (vec![0.0, 1.0], vec![0.0, 2.0]);
    assert_eq!(small.to_csv(), "x,y,value\n0.0,0.0,0.25\n1.0,0.0,\n0.0,2.0,0.5\n1.0,2.0,1.0\n");
    let two =
        Heatmap { columns: vec!["a".into(), "b".into()], values: vec![vec![Some(0.5), None]; 2], ..heat(2) };
    assert_eq!(two.to_csv(), ",a,b\nlr 3e-0 minimal seed 0,0.5,\nlr 3e-1 minimal seed 0,0.5,\n");
}

#[test]
fn invalid_plots_are_refused() {
    let error = |change: fn(&mut Surface)| {
        let mut surface = surface(4, 1.0);
        change(&mut surface);
        surface.to_svg().unwrap_err()
    };
    assert!(matches!(error(|of| of.values.truncate(3)), Error::Points { expected: 4, found: 3, .. }));
    assert!(matches!(error(|of| of.values[1].truncate(2)), Error::Points { expected: 4, found: 2, .. }));
    assert!(matches!(error(|of| of.values[0][0] = Some(f64::NAN)), Error::NotFinite { .. }));
    assert!(matches!(
        error(|of| of.values.iter_mut().flatten().for_each(|v| *v = None)),
        Error::NoPoint { .. }
    ));
    let mut matrix = heat(3);
    matrix.columns.pop();
    assert!(matches!(matrix.to_svg().unwrap_err(), Error::Points { .. }));
}
