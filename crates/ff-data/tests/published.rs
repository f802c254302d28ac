//! Opens the datasets of both papers in the forms in which they are published.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use ff_data::{Dataset, Error, FileHashes, Split, Target, Task};

const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/golden/");

/// Makes a tree of files, given as `(path, text)`; an empty text makes an image.
fn tree(files: &[(&str, &str)]) -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    for (number, (path, text)) in files.iter().enumerate() {
        let path = root.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        if text.is_empty() { picture(&path, number as u8) } else { fs::write(path, text).unwrap() }
    }
    root
}

/// Writes an image of one grey level, in the format of the file's extension.
fn picture(path: &Path, level: u8) {
    let format = match path.extension().unwrap().to_str().unwrap().to_ascii_lowercase().as_str() {
        "dcm" => {
            fs::copy(format!("{GOLDEN}dicom/baseline.dcm"), path).unwrap();
            return;
        }
        "jpg" | "jpeg" => image::ImageFormat::Jpeg,
        "tif" => image::ImageFormat::Tiff,
        _ => image::ImageFormat::Png,
    };
    image::RgbImage::from_pixel(8, 8, image::Rgb([level; 3])).save_with_format(path, format).unwrap();
}

fn golden(name: &str, folder: &Path) {
    fs::copy(format!("{GOLDEN}datasets/{name}"), folder.join(name)).unwrap();
}

/// Opens a dataset of a kind whose path is the root, with options in TOML.
fn open(kind: &str, options: &str, root: &Path) -> Result<Arc<dyn Dataset>, Error> {
    let config: ff_data::DatasetConfig =
        toml::from_str(&format!("kind = '{kind}'\npath = ''\n{options}")).unwrap();
    config.open(root, &FileHashes::none())
}

/// Checks that a dataset is refused with an error that contains `text`.
#[track_caller]
fn refused(kind: &str, root: &Path, text: &str) {
    let error = open(kind, "", root).err().expect("refused").to_string();
    assert!(error.contains(text), "{error}");
}

type Row<'a> = (&'a str, usize, Option<&'a str>, Option<Split>);

/// Returns ids, classes, groups and splits; reads every image.
fn rows(dataset: &dyn Dataset) -> Vec<Row<'_>> {
    dataset
        .samples()
        .iter()
        .enumerate()
        .map(|(index, sample)| {
            dataset.image(index).unwrap();
            let Target::Class(class) = sample.target else { panic!("a class") };
            (sample.id.as_str(), class, sample.group.as_deref(), sample.split)
        })
        .collect()
}

/// Returns the labels of a sample as 1, 0 and `-` for unknown.
fn labels(dataset: &dyn Dataset, index: usize) -> String {
    dataset.image(index).unwrap();
    let Target::Labels(labels) = &dataset.samples()[index].target else { panic!("labels") };
    labels.iter().map(|label| label.map_or('-', |label| if label { '1' } else { '0' })).collect()
}

fn notes(dataset: &dyn Dataset) -> String {
    dataset.notes().join("\n")
}

#[test]
fn aptos() {
    let root = tree(&[
        ("train.csv", "\u{feff}id_code,diagnosis\n000c1434d8d7,2\n001639a390f0,4\n"),
        ("train_images/000c1434d8d7.PNG", ""),
        ("train_images/001639a390f0.png", ""),
        ("test_images/0005cfc8afb6.png", ""),
    ]);
    let dataset = open("aptos2019", "", root.path()).unwrap();
    assert_eq!(rows(&*dataset), [("000c1434d8d7", 2, None, None), ("001639a390f0", 4, None, None)]);
    assert_eq!(dataset.task().names(), ["0", "1", "2", "3", "4"]);

    fs::write(root.path().join("train.csv"), "id_code,diagnosis\n000c1434d8d7,5\n").unwrap();
    refused("aptos2019", root.path(), "train.csv row 2: expected a whole number of 0 to 4, found `5`");
    fs::write(root.path().join("train.csv"), "id_code,diagnosis\n001639a390f0,1\n../test_images/x,0\nb,0")
        .unwrap();
    refused("aptos2019", root.path(), "row 3: expected an image file for every row, found none for 2 of 3");
    fs::write(root.path().join("train.csv"), "id_code,diagnosis\n001639a390f0,1\n001639a390f0,1\n").unwrap();
    refused("aptos2019", root.path(), "row 3: expected each image once");
}

#[test]
fn eyepacs() {
    let train = ("trainLabels.csv", "image,level\n10_left,0\n10_right,4\n13_left,1\n");
    let files = [
        train,
        ("train/10_left.jpeg", ""),
        ("train/10_right.jpeg", ""),
        ("train/13_left.jpeg", ""),
        ("test/1_left.jpeg", ""),
    ];
    let root = tree(&files);
    let dataset = open("eyepacs", "", root.path()).unwrap();
    let expected = [
        ("10_left", 0, Some("10"), None),
        ("10_right", 4, Some("10"), None),
        ("13_left", 1, Some("13"), None),
    ];
    assert_eq!(rows(&*dataset), expected);
    assert!(notes(&*dataset).contains("retinopathy_solution.csv is not there"));
    let config: ff_data::DatasetConfig = toml::from_str("kind = 'eyepacs'\npath = ''").unwrap();
    let differences = config.published(&*dataset).unwrap().differences(&*dataset);
    assert_eq!(differences, ["all: expected 88702 images as published, found 3"]);

    fs::write(root.path().join("retinopathy_solution.csv"), "image,level,Usage\n1_left,3,Private\n").unwrap();
    let dataset = open("eyepacs", "", root.path()).unwrap();
    assert_eq!(rows(&*dataset)[3], ("1_left", 3, Some("1"), None));
    fs::write(root.path().join("trainLabels.csv"), "image,level\n10_middle,0\n").unwrap();
    refused("eyepacs", root.path(), "row 2: expected an image <patient>_left");
}

#[test]
fn ham10000_of_the_dataverse() {
    let header = "lesion_id,image_id,dx,dx_type,age,sex,localization,dataset";
    let rows_of = |separator: &str| {
        let text = format!(
            "{header}\nHAM_1,ISIC_0027419,bkl,histo,80.0,male,scalp,vidir\nHAM_1,ISIC_0025030,bkl,histo,,male,\"scalp\",v\n\
             HAM_2,ISIC_0026769,mel,histo,80.0,male,scalp,vidir\n"
        );
        text.replace(',', separator)
    };
    let pictures = [
        ("HAM10000_images_part_1/ISIC_0027419.jpg", ""),
        ("HAM10000_images_part_1/ISIC_0025030.jpg", ""),
        ("HAM10000_images_part_2/ISIC_0026769.jpg", ""),
    ];
    for (name, separator) in
        [("HAM10000_metadata", ","), ("HAM10000_metadata", "\t"), ("HAM10000_metadata.csv", ",")]
    {
        let text = rows_of(separator);
        let root = tree(&[&pictures[..], &[(name, text.as_str())]].concat());
        let dataset = open("ham10000", "", root.path()).unwrap();
        let expected = [
            ("ISIC_0027419", 4, Some("HAM_1"), None),
            ("ISIC_0025030", 4, Some("HAM_1"), None),
            ("ISIC_0026769", 0, Some("HAM_2"), None),
        ];
        assert_eq!(rows(&*dataset), expected);
        assert_eq!(dataset.task().names(), ["MEL", "NV", "BCC", "AKIEC", "BKL", "DF", "VASC"]);
    }
    let bad = rows_of(",").replace("mel", "melanoma");
    let root = tree(&[&pictures[..], &[("HAM10000_metadata", bad.as_str())]].concat());
    refused("ham10000", root.path(), "row 4: expected one of MEL, NV");
}

#[test]
fn ham10000_of_isic_2018() {
    let header = "image,MEL,NV,BCC,AKIEC,BKL,DF,VASC";
    let truth =
        |part: &str| format!("ISIC2018_Task3_{part}_GroundTruth/ISIC2018_Task3_{part}_GroundTruth.csv");
    let train = format!("{header}\nISIC_0024306,0.0,1.0,0.0,0.0,0.0,0.0,0.0\nISIC_0024307,1,0,0,0,0,0,0\n");
    let val = format!("{header}\nISIC_0034321,0.0,0.0,0.0,0.0,0.0,0.0,1.0\n");
    let test = format!(
        "{header},score_weight,validation_weight\nISIC_0034524,0.0,1.0,0.0,0.0,0.0,0.0,0.0,0.2,0.0\n"
    );
    let (t, v, e) = (truth("Training"), truth("Validation"), truth("Test"));
    let files = [
        (t.as_str(), train.as_str()),
        (v.as_str(), val.as_str()),
        (e.as_str(), test.as_str()),
        ("ISIC2018_Task3_Training_Input/ISIC_0024306.jpg", ""),
        ("ISIC2018_Task3_Training_Input/ISIC_0024307.jpg", ""),
        ("ISIC2018_Task3_Validation_Input/ISIC_0034321.jpg", ""),
        ("ISIC2018_Task3_Test_Input/ISIC_0034524.jpg", ""),
        (
            "ISIC2018_Task3_Training_LesionGroupings.csv",
            "image,lesion_id,diagnosis_confirm_type\nISIC_0024306,HAM_0000550,serial imaging\n",
        ),
    ];
    let root = tree(&files);
    let dataset = open("ham10000", "", root.path()).unwrap();
    let expected = [
        ("ISIC_0024306", 1, Some("HAM_0000550"), Some(Split::Train)),
        ("ISIC_0024307", 0, None, Some(Split::Train)),
        ("ISIC_0034321", 6, None, Some(Split::Val)),
        ("ISIC_0034524", 1, None, Some(Split::Test)),
    ];
    assert_eq!(rows(&*dataset), expected);
    fs::write(root.path().join(&v), format!("{header}\nISIC_0034321,1.0,0.0,0.0,0.0,0.0,0.0,1.0\n")).unwrap();
    refused("ham10000", root.path(), "row 2: expected one class of seven marked 1, found 2");
}

#[test]
fn rsna_pneumonia() {
    let classes =
        "patientId,class\na,No Lung Opacity / Not Normal\nb,Normal\nc,Lung Opacity\nc,Lung Opacity\n";
    let boxes = "patientId,x,y,width,height,Target\na,,,,,0\nb,,,,,0\nc,264.0,152.0,213.0,379.0,1\nc,562.0,152.0,256.0,453.0,1\n";
    let files = [
        ("stage_2_detailed_class_info.csv", classes),
        ("stage_2_train_labels.csv", boxes),
        ("stage_2_train_images/a.dcm", ""),
        ("stage_2_train_images/b.dcm", ""),
        ("stage_2_train_images/c.dcm", ""),
    ];
    let root = tree(&files);
    let dataset = open("rsna-pneumonia", "", root.path()).unwrap();
    assert_eq!(rows(&*dataset), [("b", 0, Some("b"), None), ("c", 1, Some("c"), None)]);
    assert_eq!(dataset.task().names(), ["Normal", "Lung Opacity"]);
    assert!(notes(&*dataset).starts_with("1 images of the class No Lung Opacity / Not Normal"));
    fs::write(root.path().join("stage_2_train_labels.csv"), boxes.replace(",1\n", ",0\n")).unwrap();
    refused("rsna-pneumonia", root.path(), "row 4: expected tables that agree on the patient c");
}

const CHEST_HEADER: &str = "No Finding,Enlarged Cardiomediastinum,Cardiomegaly,Lung Opacity,Lung Lesion,Edema,Consolidation,\
    Pneumonia,Atelectasis,Pneumothorax,Pleural Effusion,Pleural Other,Fracture,Support Devices";

#[test]
fn chexpert() {
    let train = format!(
        "Path,Sex,Age,Frontal/Lateral,AP/PA,{CHEST_HEADER}\n\
         CheXpert-v1.0-small/train/patient00001/study1/view1_frontal.jpg,Female,68,Frontal,AP,1.0,,,,,,,,,0.0,,,,1.0\n\
         CheXpert-v1.0-small/train/patient00002/study2/view1_frontal.jpg,Female,87,Frontal,AP,,,-1.0,1.0,,-1.0,-1.0,,-1.0,,-1.0,,1.0,\n\
         CheXpert-v1.0-small/train/patient00002/study1/view2_lateral.jpg,Male,83,Lateral,,,,,1.0,,,-1.0,,,,,,1.0,\n"
    );
    let valid = format!(
        "Path,Sex,Age,Frontal/Lateral,AP/PA,{CHEST_HEADER}\n\
         CheXpert-v1.0-small/valid/patient64541/study1/view1_frontal.jpg,Male,73,Frontal,AP,0.0,1.0,1.0,1.0,0.0,0.0,0.0,0.0,0.0,0.0,0.0,0.0,0.0,0.0\n"
    );
    let test = format!(
        "Path,{CHEST_HEADER}\n\
         test/patient64741/study1/view1_frontal.jpg,0.0,0.0,0.0,0.0,0.0,0.0,0.0,0.0,0.0,0.0,0.0,0.0,0.0,1.0\n\
         test/patient64741/study1/view2_lateral.jpg,0.0,0.0,0.0,0.0,0.0,0.0,0.0,0.0,0.0,0.0,0.0,0.0,0.0,1.0\n"
    );
    let files = [
        ("train.csv", train.as_str()),
        ("valid.csv", &valid),
        ("test_labels.csv", &test),
        ("train/patient00001/study1/view1_frontal.jpg", ""),
        ("train/patient00002/study2/view1_frontal.jpg", ""),
        ("valid/patient64541/study1/view1_frontal.jpg", ""),
        ("test/patient64741/study1/view1_frontal.jpg", ""),
    ];
    let root = tree(&files);
    let of = |uncertain: &str| open("chexpert", uncertain, root.path()).unwrap();
    let dataset = of("");
    let ids: Vec<_> = dataset
        .samples()
        .iter()
        .map(|s| (s.id.as_str(), s.group.as_deref().unwrap(), s.split.unwrap()))
        .collect();
    let expected = [
        ("train/patient00001/study1/view1_frontal.jpg", "patient00001", Split::Train),
        ("train/patient00002/study2/view1_frontal.jpg", "patient00002", Split::Train),
        ("valid/patient64541/study1/view1_frontal.jpg", "patient64541", Split::Val),
        ("test/patient64741/study1/view1_frontal.jpg", "patient64741", Split::Test),
    ];
    assert_eq!(ids, expected);
    let Task::Multilabel { tasks } = dataset.task() else { panic!("multilabel") };
    assert_eq!(
        (tasks.len(), tasks[0].as_str(), tasks[12].as_str()),
        (13, "Enlarged Cardiomediastinum", "Support Devices")
    );
    // No Finding: all absent but Support Devices. Uncertain and blank: unknown.
    assert_eq!(labels(&*dataset, 0), "0000000000001");
    assert_eq!(labels(&*dataset, 1), "--1--------1-");
    assert_eq!(labels(&*of("uncertain = 'zeros'"), 1), "-01-00-0-0-1-");
    assert_eq!(labels(&*of("uncertain = 'ones'"), 1), "-11-11-1-1-1-");
    assert_eq!(labels(&*dataset, 2), "1110000000000");
    assert!(notes(&*dataset).contains("2 lateral views are left out"));

    fs::remove_file(root.path().join("test_labels.csv")).unwrap();
    assert!(notes(&*of("")).contains("no test split"));
    fs::write(root.path().join("valid.csv"), valid.replace(",1.0", ",2.0")).unwrap();
    refused(
        "chexpert",
        root.path(),
        "valid.csv row 2: expected 1.0, 0.0, -1.0 or blank, found `2.0` in the column",
    );
    fs::write(root.path().join("valid.csv"), valid.replace("CheXpert-v1.0-small/valid", "../../valid"))
        .unwrap();
    refused("chexpert", root.path(), "valid.csv row 2: expected a path such as");
}

#[test]
fn mimic_cxr() {
    let labels_csv = format!(
        "subject_id,study_id,{}\n10000032,50414267,1.0,,,,,,,,,,,,,\n10000033,53189527,,,1.0,,,-1.0,,,,,,,,\n10000034,53911762,,,,,,,,,0.0,,,,,1.0\n",
        CHEST_HEADER.replace("Lung Opacity", "Airspace Opacity")
    );
    let metadata = "dicom_id,subject_id,study_id,PerformedProcedureStepDescription,ViewPosition,Rows\n\
        02aa804e-bde0afdd-112c0b34-7bc16630-4e384014,10000032,50414267,\"CHEST (PA, LAT)\",PA,3056\n\
        174413ec-4ec4c1f7-34ea26b7-c5f994f8-79ef1962,10000032,50414267,\"CHEST (PA, LAT)\",LATERAL,3056\n\
        2a2277a9-b0ded155-c0de8eb9-c124d10e-82c5caab,10000033,53189527,x,AP,1\n\
        e084de3b-be89b11e-20fe3f9f-9c8d8dfe-4cfd202c,10000034,53911762,x,AP,1\n\
        68b5c4b1-227d0485-9cc38c3f-7b84ab51-4b472714,10000764,56699142,x,PA,1\n";
    let test = "files/p10/p10000034/s53911762/e084de3b-be89b11e-20fe3f9f-9c8d8dfe-4cfd202c.jpg";
    let files = [
        ("mimic-cxr-2.0.0-chexpert.csv", labels_csv.as_str()),
        ("mimic-cxr-2.0.0-metadata.csv", metadata),
        (test, ""),
    ];
    let root = tree(&files);
    golden("mimic-cxr-2.0.0-split.csv.gz", root.path());
    // Only the test split is there.
    refused("mimic-cxr", root.path(), "hint: for the test split alone, set `only = \"test\"`");
    let dataset = open("mimic-cxr", "only = 'test'", root.path()).unwrap();
    assert_eq!(dataset.samples().len(), 1);
    let sample = &dataset.samples()[0];
    assert_eq!(
        (sample.id.as_str(), sample.group.as_deref(), sample.split),
        (test, Some("p10000034"), Some(Split::Test))
    );
    assert_eq!(labels(&*dataset, 0), "-------0----1");
    assert!(notes(&*dataset).contains("1 images of studies without labels"));

    for path in [
        "files/p10/p10000032/s50414267/02aa804e-bde0afdd-112c0b34-7bc16630-4e384014.jpg",
        "files/p10/p10000033/s53189527/2a2277a9-b0ded155-c0de8eb9-c124d10e-82c5caab.jpg",
    ] {
        fs::create_dir_all(root.path().join(path).parent().unwrap()).unwrap();
        picture(&root.path().join(path), 1);
    }
    let dataset = open("mimic-cxr", "", root.path()).unwrap();
    assert_eq!(dataset.samples().len(), 3);
    assert_eq!(labels(&*dataset, 0), "000000000000-");
    assert_eq!(dataset.samples()[1].split, Some(Split::Val));
    assert!(notes(&*dataset).contains("1 images that are not frontal"));

    // All three may be gzipped; a truncated one is refused.
    let path = root.path().join("mimic-cxr-2.0.0-chexpert.csv");
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gz.write_all(labels_csv.as_bytes()).unwrap();
    let bytes = gz.finish().unwrap();
    fs::remove_file(&path).unwrap();
    fs::write(root.path().join("mimic-cxr-2.0.0-chexpert.csv.gz"), &bytes).unwrap();
    assert_eq!(open("mimic-cxr", "", root.path()).unwrap().digest(), dataset.digest());
    fs::write(root.path().join("mimic-cxr-2.0.0-chexpert.csv.gz"), &bytes[..bytes.len() / 2]).unwrap();
    refused("mimic-cxr", root.path(), "chexpert.csv.gz: expected a valid gzip file");
}

#[test]
fn messidor() {
    let csv = "Image name,Ophthalmologic department,Retinopathy grade,Risk of macular edema \n\
        20060407_39852_0200_PP.tif,LaTIM - CHU de BREST,1,0\n";
    let root = tree(&[
        ("Annotation_Base22.csv", csv),
        ("Base11/20051019_38557_0100_PP.tif", ""),
        ("Base11/20051020_43808_0100_PP.tif", ""),
        ("Base22/20060407_39852_0200_PP.TIF", ""),
    ]);
    golden("Annotation_Base11.xls", root.path());
    let expected = |corrected| {
        [
            ("20051019_38557_0100_PP.tif", corrected, None, None),
            ("20051020_43808_0100_PP.tif", 0, None, None),
            ("20060407_39852_0200_PP.tif", 1, None, None),
        ]
    };
    let dataset = open("messidor", "", root.path()).unwrap();
    assert_eq!(rows(&*dataset), expected(3));
    assert_eq!(dataset.task().names(), ["0", "1", "2", "3"]);
    assert!(notes(&*dataset).contains("only 2 of 12 bases: 11, 22"));
    golden("Annotation_Base11_update.xls", root.path());
    let dataset = open("messidor", "", root.path()).unwrap();
    assert_eq!(rows(&*dataset), expected(2));
    assert!(notes(&*dataset).contains("Annotation_Base11_update.xls replaces the table"));
    // Latin-1, as spreadsheet programs write it.
    let mut latin = csv.replace("LaTIM - CHU de BREST", "Lariboisi?re").into_bytes();
    *latin.iter_mut().find(|byte| **byte == b'?').unwrap() = 0xe8;
    fs::write(root.path().join("Annotation_Base22.csv"), latin).unwrap();
    assert_eq!(rows(&*open("messidor", "", root.path()).unwrap()), expected(2));

    let whole = fs::read(format!("{GOLDEN}datasets/Annotation_Base11.xls")).unwrap();
    for end in (0..whole.len()).step_by(97) {
        fs::write(root.path().join("Annotation_Base11_update.xls"), &whole[..end]).unwrap();
        // A truncated sheet is never read as a shorter one.
        if let Ok(dataset) = open("messidor", "", root.path()) {
            assert_eq!(rows(&*dataset), expected(3), "{end}");
        }
    }
}

#[test]
fn messidor2() {
    let table = "image_id,adjudicated_dr_grade,adjudicated_dme,adjudicated_gradable\n\
        20051020_43808_0100_PP.png,0,0,1\nIM000551.jpg,4,1,1\nIM000552.jpg,,,0\n";
    let files = [
        ("messidor_data.csv", table),
        ("IMAGES/20051020_43808_0100_PP.png", ""),
        ("IMAGES/IM000551.JPG", ""),
    ];
    let root = tree(&files);
    let dataset = open("messidor2", "", root.path()).unwrap();
    let expected = [("20051020_43808_0100_PP.png", 0, None, None), ("IM000551.jpg", 4, None, None)];
    assert_eq!(rows(&*dataset), expected);
    assert!(notes(&*dataset).contains("1 images without a grade are left out"));
    let pairs = "left;right\n20051020_43808_0100_PP.png;IM000551.JPG\n";
    fs::write(root.path().join("messidor-2.csv"), pairs).unwrap();
    let dataset = open("messidor2", "", root.path()).unwrap();
    assert!(dataset.samples().iter().all(|sample| sample.group.as_deref() == Some("20051020_43808_0100_pp")));
    let other = "id_code,diagnosis\n20051020_43808_0100_PP.png,3\nIM000551.jpg,4.0\n";
    fs::write(root.path().join("messidor_data.csv"), other).unwrap();
    assert_eq!(rows(&*open("messidor2", "", root.path()).unwrap())[0].1, 3);
}

#[test]
fn chestxray14_lists() {
    // As published: commas inside brackets, and one at the end.
    let entries = "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position,\
        OriginalImage[Width,Height],OriginalImagePixelSpacing[x,y],\n\
        00000001_000.png,Cardiomegaly|Emphysema,0,1,058Y,M,PA,2682,2749,0.143,0.143,\n\
        00000002_000.png,No Finding,0,2,081Y,M,PA,2500,2048,0.171,0.171,\n\
        00000003_000.png,Pleural_Thickening,0,3,081Y,F,PA,2582,2991,0.143,0.143,\n";
    let files = [
        ("Data_Entry_2017.csv", entries),
        ("train_val_list.txt", "00000001_000.png\r\n00000002_000.png\r\n"),
        ("test_list.txt", "00000003_000.png"),
        ("images_001/images/00000001_000.png", ""),
        ("images_002/images/00000002_000.png", ""),
        ("images_002/images/00000003_000.png", ""),
    ];
    let root = tree(&files);
    let dataset = open("chestxray14", "", root.path()).unwrap();
    let found: Vec<_> =
        dataset.samples().iter().map(|s| (s.id.as_str(), s.group.as_deref(), s.split)).collect();
    let expected = [
        ("00000001_000.png", Some("1"), None),
        ("00000002_000.png", Some("2"), None),
        ("00000003_000.png", Some("3"), Some(Split::Test)),
    ];
    assert_eq!(found, expected);
    assert_eq!(labels(&*dataset, 0), "01000000001000");
    assert_eq!(labels(&*dataset, 1), "00000000000000");
    assert_eq!(labels(&*dataset, 2), "00000000000010");
    assert!(notes(&*dataset).contains("the NIH's lists"));
    // The release of 2020 has no comma at the end of its header.
    let newer = entries.replace("[x,y],\n", "[x,y]\n");
    fs::rename(root.path().join("Data_Entry_2017.csv"), root.path().join("Data_Entry_2017_v2020.csv"))
        .unwrap();
    fs::write(root.path().join("Data_Entry_2017_v2020.csv"), newer).unwrap();
    assert_eq!(open("chestxray14", "", root.path()).unwrap().digest(), dataset.digest());

    let folds = "Image Index,Patient ID,fold,Atelectasis,Cardiomegaly,Effusion,Infiltration,Mass,Nodule,Pneumonia,\
        Pneumothorax,Consolidation,Edema,Emphysema,Fibrosis,Pleural Thickening,Hernia\n\
        00000001_000.png,1,train,0,1,0,0,0,0,0,0,0,0,1.0,0,0,0\n00000002_000.png,2,val,0,0,0,0,0,0,0,0,0,0,0,0,0,0\n\
        00000003_000.png,3,test,0,0,0,0,0,0,0,0,0,0,0,0,1,0\n";
    fs::write(root.path().join("nih_labels.csv"), folds).unwrap();
    refused("chestxray14", root.path(), "expected one split of ChestX-ray14, found both");
    let of = |source: &str| open("chestxray14", &format!("split_source = '{source}'"), root.path()).unwrap();
    assert_eq!(of("lists").digest(), dataset.digest());
    let by_folds = of("folds");
    let splits: Vec<_> = by_folds.samples().iter().map(|sample| sample.split.unwrap()).collect();
    assert_eq!(splits, Split::ALL);
    assert!((0..3).all(|index| labels(&*by_folds, index) == labels(&*dataset, index)));
    assert!(notes(&*by_folds).contains("the folds of"));
}

#[test]
fn invalid_chestxray14_is_refused() {
    let entries = "Image Index,Finding Labels,Patient ID\n00000001_000.png,Cardiomegaly|Gout,1\n";
    let root = tree(&[("Data_Entry_2017.csv", entries), ("images/00000001_000.png", "")]);
    refused("chestxray14", root.path(), "row 2: expected findings of Atelectasis");
    let entries = entries.replace("|Gout", "");
    fs::write(root.path().join("Data_Entry_2017.csv"), entries).unwrap();
    assert!(notes(&*open("chestxray14", "", root.path()).unwrap()).contains("split: none"));
    fs::write(root.path().join("test_list.txt"), "00000009_000.png\n").unwrap();
    fs::write(root.path().join("train_val_list.txt"), "00000008_000.png\n").unwrap();
    refused("chestxray14", root.path(), "`00000001_000.png` in neither");
    fs::create_dir(root.path().join("images_001")).unwrap();
    picture(&root.path().join("images_001/00000001_000.png"), 3);
    fs::write(root.path().join("test_list.txt"), "00000001_000.png\n").unwrap();
    refused("chestxray14", root.path(), "one file for the image `00000001_000.png`");
}

/// Returns the value of the golden arrays at a place.
fn value(sample: usize, row: usize, column: usize, channel: usize) -> u8 {
    ((sample * 7 + row * 5 + column * 3 + channel) % 251) as u8
}

fn check_pixels(dataset: &dyn Dataset, index: usize, side: usize, channels: usize) {
    let image = dataset.image(index).unwrap();
    assert_eq!((image.width, image.height), (side as u32, side as u32));
    let expected = (0..side * side * 3).map(|i| {
        let channel = if channels == 3 { i % 3 } else { 0 };
        value(index, i / 3 / side, i / 3 % side, channel)
    });
    assert!(image.data.into_iter().eq(expected));
}

#[test]
fn medmnist() {
    for (kind, file, side, channels, classes) in [
        ("pathmnist", "pathmnist.npz", 28, 3, 9),
        ("dermamnist", "dermamnist_64.npz", 64, 3, 7),
        ("bloodmnist", "bloodmnist.npz", 4, 3, 8),
        ("octmnist", "octmnist.npz", 28, 1, 4),
        ("chestmnist", "chestmnist.npz", 28, 1, 14),
    ] {
        let root = tempfile::tempdir().unwrap();
        golden(file, root.path());
        let dataset = open(kind, "", root.path()).unwrap();
        assert_eq!((dataset.samples().len(), dataset.task().outputs()), (9, classes), "{kind}");
        assert_eq!(dataset.contents().unwrap().len(), 9);
        for index in 0..9 {
            check_pixels(&*dataset, index, side, channels);
            let sample = &dataset.samples()[index];
            let split = Split::ALL[[0, 0, 0, 0, 1, 1, 2, 2, 2][index]];
            assert_eq!(sample.split, Some(split));
            match &sample.target {
                Target::Class(class) => assert_eq!(*class, index % classes),
                Target::Labels(labels) => {
                    let expected = (0..14).map(|label| Some((index + label) % 3 == 0));
                    assert!(labels.iter().copied().eq(expected));
                }
            }
        }
        // The path may be that of the file.
        let config: ff_data::DatasetConfig =
            toml::from_str(&format!("kind = '{kind}'\npath = '{file}'")).unwrap();
        assert_eq!(config.open(root.path(), &FileHashes::none()).unwrap().digest(), dataset.digest());
        // Every prefix of the file is refused.
        let whole = fs::read(root.path().join(file)).unwrap();
        for end in (0..whole.len()).step_by(whole.len() / 40 + 1) {
            fs::write(root.path().join(file), &whole[..end]).unwrap();
            refused(kind, root.path(), file);
        }
    }
}

#[test]
fn medmnist_of_another_dataset_or_two_sizes() {
    let root = tempfile::tempdir().unwrap();
    golden("pathmnist.npz", root.path());
    fs::rename(root.path().join("pathmnist.npz"), root.path().join("octmnist.npz")).unwrap();
    refused("octmnist", root.path(), "expected labels of 0 to 3");
    fs::copy(root.path().join("octmnist.npz"), root.path().join("octmnist_64.npz")).unwrap();
    refused("octmnist", root.path(), "hint: set the path to one of these files");
    refused("pathmnist", root.path(), "pathmnist_224.npz");
}

#[test]
fn cifar10_1() {
    let root = tempfile::tempdir().unwrap();
    for version in ["v4", "v6"] {
        golden(&format!("cifar10.1_{version}_data.npy"), root.path());
        golden(&format!("cifar10.1_{version}_labels.npy"), root.path());
    }
    let newest = open("cifar10.1", "", root.path()).unwrap();
    let expected = [("v6/00000", 7, None, Some(Split::Test)), ("v6/00001", 8, None, Some(Split::Test))];
    assert_eq!(rows(&*newest), expected);
    assert_eq!(newest.task().names()[7], "horse");
    let older = open("cifar10.1", "version = 'v4'", root.path()).unwrap();
    assert_eq!(rows(&*older).len(), 3);
    check_pixels(&*older, 2, 32, 3);
    let data = root.path().join("cifar10.1_v6_data.npy");
    let whole = fs::read(&data).unwrap();
    fs::write(&data, &whole[..whole.len() - 1]).unwrap();
    refused("cifar10.1", root.path(), "cifar10.1_v6_data.npy: expected an array [2, 32, 32, 3] of u8");
    // The number of elements and the header's bytes together overflow.
    let header = format!("{{'descr': '|u1', 'fortran_order': False, 'shape': ({},), }}\n", usize::MAX);
    let length = (header.len() as u16).to_le_bytes();
    fs::write(&data, [b"\x93NUMPY\x01\x00".as_slice(), &length, header.as_bytes()].concat()).unwrap();
    refused("cifar10.1", root.path(), "expected an array [2, 32, 32, 3] of u8");
    fs::write(&data, &whole).unwrap();
    let labels = root.path().join("cifar10.1_v6_labels.npy");
    fs::copy(root.path().join("cifar10.1_v4_labels.npy"), &labels).unwrap();
    refused("cifar10.1", root.path(), "expected an array [3, 32, 32, 3]");
    fs::write(&labels, &whole).unwrap();
    refused("cifar10.1", root.path(), "v6_labels.npy");
}
