//! Folders of tiny images, and the tables that name them.

use ff_data::DatasetConfig;

use crate::write;

/// A table or list that a dataset is read from.
pub struct TableKind {
    /// The folder of its dataset.
    pub folder: &'static str,
    /// The dataset's `kind` and further options.
    pub recipe: &'static str,
    /// The file in that folder that the fuzzer writes.
    pub file: &'static str,
    /// A valid example of that file.
    pub example: &'static str,
    /// Other files that the dataset needs.
    pub others: &'static [(&'static str, &'static [u8])],
}

impl TableKind {
    /// Returns the dataset's configuration.
    pub fn config(&self) -> DatasetConfig {
        // A manifest is the table itself.
        let file = if self.recipe == MANIFEST { self.file } else { "" };
        toml::from_str(&format!("path = '{}/{file}'\n{}", self.folder, self.recipe)).expect("a valid recipe")
    }

    /// Writes the other files.
    pub fn prepare(&self) {
        self.others.iter().for_each(|(name, bytes)| write(format!("{}/{name}", self.folder), bytes));
    }
}

const MANIFEST: &str = "kind = 'manifest'";
const PICTURE: &[u8] = crate::golden!("data/grey.png");

/// The columns of CheXpert's labeller.
macro_rules! chest {
    () => {
        "Enlarged Cardiomediastinum,Cardiomegaly,Lung Opacity,Lung Lesion,Edema,Consolidation,Pneumonia,\
Atelectasis,Pneumothorax,Pleural Effusion,Pleural Other,Fracture,Support Devices"
    };
}

const VALID: &str = concat!(
    "Path,Frontal/Lateral,",
    chest!(),
    "\nCheXpert-v1.0/valid/patient2/study1/view1_frontal.jpg,Frontal,0,0,0,0,0,0,0,0,0,0,0,0,0\n"
);
const MIMIC_SPLIT: &str = "dicom_id,study_id,subject_id,split\na-1,500,1000,train\nb-2,501,1000,test\n";
const MIMIC_METADATA: &str =
    "dicom_id,subject_id,study_id,ViewPosition\na-1,1000,500,PA\nb-2,1000,501,LATERAL\n";
const MIMIC_CHEXPERT: &str = concat!(
    "subject_id,study_id,",
    chest!(),
    "\n1000,500,1.0,,-1.0,0.0,,,,,,,,,\n1000,501,1,1,1,1,1,1,1,1,1,1,1,1,1\n"
);
const ENTRIES: &str = "Image Index,Finding Labels,Follow-up #,Patient ID\n\
    00000001_000.png,Cardiomegaly|Emphysema,0,1\n00000002_000.png,No Finding,0,2\n";
const FOLDS: &str = "Image Index,Patient ID,fold,Atelectasis,Cardiomegaly,Effusion,Infiltration,Mass,Nodule,Pneumonia,\
Pneumothorax,Consolidation,Edema,Emphysema,Fibrosis,Pleural Thickening,Hernia\n\
00000001_000.png,1,train,0,1,0,0,0,0,0,0,0,0,0,0,0,0\n00000002_000.png,2,test,0,0,0,0,0,0,0,0,0,0,0,0,1,0.0\n";
const TRUTH: &str = "image,MEL,NV,BCC,AKIEC,BKL,DF,VASC\nISIC_1,0.0,1.0,0.0,0.0,0.0,0.0,0.0\n";

/// One table for each reader of tables, each in a folder of its own.
#[rustfmt::skip]
pub const KINDS: &[TableKind] = &[
    TableKind {
        folder: "manifest", recipe: MANIFEST, file: "table.csv",
        example: "path,label,split,group\na.png,cat,train,p1\n./b/c.png,dog,Val,p2\n",
        others: &[("a.png", PICTURE), ("b/c.png", PICTURE)],
    },
    TableKind {
        folder: "manifest-gz", recipe: MANIFEST, file: "table.csv.gz",
        example: "path\tx\ty\na.png\t1\t0.0\nb/c.png\t\t1\n",
        others: &[("a.png", PICTURE), ("b/c.png", PICTURE)],
    },
    TableKind {
        folder: "aptos", recipe: "kind = 'aptos2019'", file: "train.csv",
        example: "id_code,diagnosis\na,0\nb,4.0\n",
        others: &[("train_images/a.png", PICTURE), ("train_images/b.png", PICTURE)],
    },
    TableKind {
        folder: "eyepacs", recipe: "kind = 'eyepacs'", file: "trainLabels.csv",
        example: "image,level\n1_left,0\n1_right,3\n",
        others: &[("1_left.jpeg", PICTURE), ("train/1_right.jpeg", PICTURE)],
    },
    TableKind {
        folder: "ham", recipe: "kind = 'ham10000'", file: "HAM10000_metadata",
        example: "lesion_id,image_id,dx\nHAM_1,ISIC_1,nv\nHAM_1,ISIC_2,mel\n",
        others: &[("ISIC_1.jpg", PICTURE), ("ISIC_2.jpg", PICTURE)],
    },
    TableKind {
        folder: "isic", recipe: "kind = 'ham10000'",
        file: "ISIC2018_Task3_Training_GroundTruth/ISIC2018_Task3_Training_GroundTruth.csv",
        example: TRUTH,
        others: &[("ISIC2018_Task3_Training_Input/ISIC_1.jpg", PICTURE)],
    },
    TableKind {
        folder: "isic-lesions", recipe: "kind = 'ham10000'",
        file: "ISIC2018_Task3_Training_LesionGroupings.csv",
        example: "image,lesion_id,diagnosis_confirm_type\nISIC_1,HAM_1,histopathology\n",
        others: &[
            ("ISIC2018_Task3_Training_Input/ISIC_1.jpg", PICTURE),
            ("ISIC2018_Task3_Training_GroundTruth/ISIC2018_Task3_Training_GroundTruth.csv", TRUTH.as_bytes()),
        ],
    },
    TableKind {
        folder: "rsna", recipe: "kind = 'rsna-pneumonia'", file: "stage_2_detailed_class_info.csv",
        example: "patientId,class\np1,Normal\np2,Lung Opacity\np3,No Lung Opacity / Not Normal\n",
        others: &[
            ("p1.dcm", PICTURE), ("p2.dcm", PICTURE),
            ("stage_2_train_labels.csv", b"patientId,x,y,width,height,Target\np1,,,,,0\np2,1,2,3,4,1\np3,,,,,0\n"),
        ],
    },
    TableKind {
        folder: "rsna-boxes", recipe: "kind = 'rsna-pneumonia'", file: "stage_2_train_labels.csv",
        example: "patientId,x,y,width,height,Target\np1,,,,,0\np2,1,2,3,4,1\np2,5,2,3,4,1\n",
        others: &[
            ("p1.dcm", PICTURE), ("p2.dcm", PICTURE),
            ("stage_2_detailed_class_info.csv", b"patientId,class\np1,Normal\np2,Lung Opacity\n"),
        ],
    },
    TableKind {
        folder: "chexpert", recipe: "kind = 'chexpert'\nuncertain = 'ones'", file: "train.csv",
        example: concat!(
            "Path,Sex,Frontal/Lateral,No Finding,", chest!(),
            "\nCheXpert-v1.0/train/patient1/study1/view1_frontal.jpg,Male,Frontal,1.0,,,,,,,,,,,,,1.0",
            "\nCheXpert-v1.0/train/patient1/study1/view2_lateral.jpg,Male,Lateral,,-1.0,,0,,,,,,,,,,\n",
        ),
        others: &[
            ("train/patient1/study1/view1_frontal.jpg", PICTURE),
            ("valid/patient2/study1/view1_frontal.jpg", PICTURE),
            ("valid.csv", VALID.as_bytes()),
        ],
    },
    TableKind {
        folder: "mimic-split", recipe: "kind = 'mimic-cxr'", file: "mimic-cxr-2.0.0-split.csv.gz",
        example: MIMIC_SPLIT,
        others: &[
            ("files/p10/p1000/s500/a-1.jpg", PICTURE),
            ("mimic-cxr-2.0.0-metadata.csv", MIMIC_METADATA.as_bytes()),
            ("mimic-cxr-2.0.0-chexpert.csv", MIMIC_CHEXPERT.as_bytes()),
        ],
    },
    TableKind {
        folder: "mimic-metadata", recipe: "kind = 'mimic-cxr'", file: "mimic-cxr-2.0.0-metadata.csv",
        example: MIMIC_METADATA,
        others: &[
            ("files/p10/p1000/s500/a-1.jpg", PICTURE), ("files/p10/p1000/s501/b-2.jpg", PICTURE),
            ("mimic-cxr-2.0.0-split.csv", MIMIC_SPLIT.as_bytes()),
            ("mimic-cxr-2.0.0-chexpert.csv", MIMIC_CHEXPERT.as_bytes()),
        ],
    },
    TableKind {
        folder: "mimic-chexpert", recipe: "kind = 'mimic-cxr'\nuncertain = 'zeros'",
        file: "mimic-cxr-2.0.0-chexpert.csv",
        example: MIMIC_CHEXPERT,
        others: &[
            ("files/p10/p1000/s500/a-1.jpg", PICTURE),
            ("mimic-cxr-2.0.0-split.csv", MIMIC_SPLIT.as_bytes()),
            ("mimic-cxr-2.0.0-metadata.csv", MIMIC_METADATA.as_bytes()),
        ],
    },
    TableKind {
        folder: "messidor", recipe: "kind = 'messidor'", file: "Annotation_Base11.csv",
        example: "Image name;Ophthalmologic department;Retinopathy grade;Risk of macular edema\n\
            a.tif;Service;0;0\nb.tif;Service;3;0\n",
        others: &[("a.tif", PICTURE), ("b.tif", PICTURE)],
    },
    TableKind {
        folder: "messidor2", recipe: "kind = 'messidor2'", file: "messidor_data.csv",
        example: "image_id,adjudicated_dr_grade,adjudicated_dme\nIM1.png,0,0\nIM2.JPG,2,\nIM3.jpg,,\n",
        others: &[("IM1.png", PICTURE), ("IM2.jpg", PICTURE), ("messidor-2.csv", b"left;right\nIM1.png;IM2.JPG\n")],
    },
    TableKind {
        folder: "messidor2-pairs", recipe: "kind = 'messidor2'", file: "messidor-2.csv",
        example: "left;right\nIM1.png;IM2.JPG\n",
        others: &[
            ("IM1.png", PICTURE), ("IM2.jpg", PICTURE),
            ("messidor_data.csv", b"id_code,diagnosis\nIM1.png,0\nIM2.JPG,2\n"),
        ],
    },
    TableKind {
        folder: "chestxray14", recipe: "kind = 'chestxray14'", file: "Data_Entry_2017.csv",
        example: ENTRIES,
        others: &[
            ("images/00000001_000.png", PICTURE), ("images/00000002_000.png", PICTURE),
            ("train_val_list.txt", b"00000001_000.png\n"), ("test_list.txt", b"00000002_000.png\n"),
        ],
    },
    TableKind {
        folder: "chestxray14-list", recipe: "kind = 'chestxray14'", file: "test_list.txt",
        example: "00000002_000.png\n",
        others: &[
            ("images/00000001_000.png", PICTURE), ("images/00000002_000.png", PICTURE),
            ("train_val_list.txt", b"00000001_000.png\n"), ("Data_Entry_2017.csv", ENTRIES.as_bytes()),
        ],
    },
    TableKind {
        folder: "chestxray14-folds", recipe: "kind = 'chestxray14'\nsplit_source = 'folds'", file: "folds.csv",
        example: FOLDS,
        others: &[("images/00000001_000.png", PICTURE), ("images/00000002_000.png", PICTURE)],
    },
];

/// A table that splits the samples of a dataset.
pub const SPLIT: &str = "id,split\ntrain-00000,train\n";
