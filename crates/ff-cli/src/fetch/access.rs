//! How to come by the datasets that are not handed out without a login, an agreement or a browser.

/// APTOS 2019
pub(super) const APTOS2019: &str = "\
APTOS 2019 Blindness Detection: a Kaggle account, and the competition's rules accepted there.
  apply:   https://www.kaggle.com/competitions/aptos2019-blindness-detection/data
  terms:   the competition's rules
  place:   ROOT/train.csv
           ROOT/train_images/<id_code>.png
";

/// EyePACS
pub(super) const EYEPACS: &str = "\
EyePACS (Kaggle Diabetic Retinopathy Detection): a Kaggle account, and the competition's rules accepted there.
  apply:   https://www.kaggle.com/competitions/diabetic-retinopathy-detection/data
  terms:   the competition's rules
  note:    the images come as one zip in several parts: `cat train.zip.* > train.zip`, then unpack
  place:   ROOT/trainLabels.csv
           ROOT/train/<patient>_{left,right}.jpeg
           ROOT/retinopathy_solution.csv, ROOT/test/: the test set, whose labels came after the competition
";

/// HAM10000
pub(super) const HAM10000: &str = "\
HAM10000: no login, but served to browsers.
  get:     https://doi.org/10.7910/DVN/DBW86T (Harvard Dataverse)
           https://challenge.isic-archive.com/data/#2018 (ISIC 2018 Task 3: with the official test set)
  terms:   CC BY-NC 4.0, with attribution as the page asks
  place:   ROOT/HAM10000_metadata or HAM10000_metadata.csv
           ROOT/HAM10000_images_part_1/, ROOT/HAM10000_images_part_2/
      or:  ROOT/ISIC2018_Task3_{Training,Validation,Test}_Input/
           ROOT/ISIC2018_Task3_{Training,Validation,Test}_GroundTruth/
";

/// RSNA pneumonia
pub(super) const RSNA_PNEUMONIA: &str = "\
RSNA Pneumonia Detection Challenge (2018): a Kaggle account, and the competition's rules accepted there.
  apply:   https://www.kaggle.com/competitions/rsna-pneumonia-detection-challenge/data
  terms:   the competition's rules
  place:   ROOT/stage_2_train_labels.csv
           ROOT/stage_2_detailed_class_info.csv
           ROOT/stage_2_train_images/<patientId>.dcm
";

/// `CheXpert`
pub(super) const CHEXPERT: &str = "\
CheXpert: an account at Stanford AIMI, and its research use agreement.
  apply:   https://aimi.stanford.edu/datasets/chexpert-chest-x-rays
  terms:   research use agreement: non-commercial, not to be passed on
  place:   ROOT/train.csv, ROOT/valid.csv, as unpacked from CheXpert-v1.0 or CheXpert-v1.0-small
           ROOT/train/patient<N>/study<N>/view<N>_{frontal,lateral}.jpg, ROOT/valid/ alike
           ROOT/test.csv, test_labels.csv or groundtruth.csv, and ROOT/test/: the test set, released later
";

/// MIMIC-CXR
pub(super) const MIMIC_CXR: &str = "\
MIMIC-CXR-JPG: a credentialed PhysioNet account (training in research with human subjects), and the
data use agreement.
  apply:   https://physionet.org/content/mimic-cxr-jpg/ (2.1.0, or 2.0.0)
  terms:   PhysioNet Credentialed Health Data License 1.5.0: not to be passed on
  place:   ROOT/mimic-cxr-2.0.0-{split,chexpert,metadata}.csv or .csv.gz (2.1.0 keeps these names)
           ROOT/files/p10/p10000032/s50414267/<dicom_id>.jpg
";

/// Messidor
pub(super) const MESSIDOR: &str = "\
Messidor: a form at ADCIS.
  apply:   https://www.adcis.net/en/third-party/messidor/
  terms:   research and education
  place:   ROOT/Annotation_Base{11..14,21..24,31..34}*.xls, or CSV made of them, with their columns' names
           ROOT/Base11/*.tif and so on to Base34, or all images in ROOT
";

/// Messidor-2
pub(super) const MESSIDOR2: &str = "\
Messidor-2: a form at ADCIS for the images; the grades (of Google's readers) come from Kaggle, with an account.
  apply:   https://www.adcis.net/en/third-party/messidor2/
           https://www.kaggle.com/datasets/google-brain/messidor2-dr-grades
  terms:   research and education
  place:   ROOT/messidor_data.csv (messidor-2.csv, which comes with the images, holds pairs and no grades)
           ROOT/IMAGES/*.png and IM*.JPG
";

/// ChestX-ray14
pub(super) const CHESTXRAY14: &str = "\
NIH ChestX-ray14: no login, but 42 GB served to browsers.
  get:     https://nihcc.app.box.com/v/ChestXray-NIHCC
  terms:   free use, with the NIH Clinical Center named and the CVPR 2017 paper cited
  place:   ROOT/Data_Entry_2017.csv or Data_Entry_2017_v2020.csv
           ROOT/train_val_list.txt, ROOT/test_list.txt
           ROOT/images_001/images/*.png to images_012, or images_NNN/*.png, or all images in ROOT/images/
";
