"""Label files of every tool come and go without loss."""

import json
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

from models2d import (
    LabelledFrame,
    Labels,
    Skeleton,
    extract_images,
    labels_from,
    read_detections,
    read_labels,
    write_labels,
)

paws = Skeleton.from_names("paws", ["paw_left", "paw_right", "tail"], [("paw_left", "tail")])


def project_labels(folder, individuals=("individual1",), videos=("one", "two")):
    frames = []
    for video in videos:
        (folder / "labeled-data" / video).mkdir(parents=True)
        for number in range(4):
            frames.append(LabelledFrame(path=folder / "labeled-data" / video / f"img{number:03d}.png"))
            cv2.imwrite(str(frames[-1].path), np.full((48, 64, 3), 9 * number, np.uint8))
    random = np.random.default_rng(0)
    xy = random.uniform(0, 47, (len(frames), len(individuals), 3, 2))
    xy[random.random(xy.shape[:-1]) < 0.2] = np.nan
    return Labels(frames=tuple(frames), xy=xy, individuals=individuals, skeleton=paws)


def assert_same(back, there):
    assert back.frames == there.frames
    assert back.individuals == there.individuals
    assert back.skeleton.keypoints == there.skeleton.keypoints
    np.testing.assert_allclose(back.xy, there.xy, rtol=1e-12)


@pytest.mark.parametrize("individuals", [("individual1",), ("ann", "bob")])
def test_deeplabcut_project_round_trip(tmp_path, individuals):
    there = project_labels(tmp_path, individuals)
    write_labels(there, tmp_path, scorer="me")
    back = read_labels(tmp_path)
    assert_same(back, there)
    assert back.skeleton.bone_names == [("paw_left", "tail")]
    for csv in tmp_path.glob("labeled-data/*/*.csv"):
        np.testing.assert_equal(read_labels(csv).xy, read_labels(csv.with_suffix(".h5")).xy)


def test_deeplabcut_h5_is_what_pandas_reads(tmp_path):
    write_labels(project_labels(tmp_path, ("ann", "bob")), tmp_path, scorer="me")
    table = pd.read_hdf(tmp_path / "labeled-data" / "one" / "CollectedData_me.h5")
    assert table.columns.names == ["scorer", "individuals", "bodyparts", "coords"]
    assert table.index[0] == ("labeled-data", "one", "img000.png")
    assert table.shape == (4, 12)


def test_keypoints_that_occur_once_stay_under_single(tmp_path):
    there = project_labels(tmp_path, ("ann", "bob", "single"))
    xy = there.xy.copy()
    xy[:, :2, 2], xy[:, 2, :2] = np.nan, np.nan
    there = Labels(frames=there.frames, xy=xy, individuals=there.individuals, skeleton=paws)
    write_labels(there, tmp_path, scorer="me")
    table = pd.read_csv(
        tmp_path / "labeled-data" / "one" / "CollectedData_me.csv", header=[0, 1, 2, 3], index_col=0
    )
    assert [column[1:3] for column in table.columns if column[1] == "single"] == [("single", "tail")] * 2
    assert_same(read_labels(tmp_path), there)


@pytest.mark.parametrize("individuals", [("individual1",), ("ann", "bob")])
@pytest.mark.parametrize("name", ["labels.json", "labels.csv", "labels.h5"])
def test_single_files_round_trip(tmp_path, individuals, name):
    there = project_labels(tmp_path, individuals)
    write_labels(there, tmp_path / name)
    assert_same(read_labels(tmp_path / name), there)


def test_coco_file_opens_in_pycocotools(tmp_path):
    pycocotools = pytest.importorskip("pycocotools.coco", reason="pycocotools is not installed")
    there = project_labels(tmp_path, ("ann", "bob"))
    write_labels(there, tmp_path / "labels.json")
    coco = pycocotools.COCO(str(tmp_path / "labels.json"))
    assert len(coco.getImgIds()) == 8
    first = coco.loadAnns(coco.getAnnIds(imgIds=[1]))[0]
    assert first["num_keypoints"] == np.isfinite(there.xy[0, 0, :, 0]).sum()


def test_sleap_round_trip(tmp_path):
    pytest.importorskip("sleap_io", reason="SLEAP projects need the extra sleap")
    there = project_labels(tmp_path, ("ann", "bob"))
    marked = there.select(np.isfinite(there.xy[..., 0]).any(axis=(1, 2)))
    write_labels(marked, tmp_path / "labels.slp")
    assert_same(read_labels(tmp_path / "labels.slp"), marked)


def test_real_openfield_project(recordings):
    labels = read_labels(recordings("openfield_dlc"))
    assert len(labels) == 116
    assert labels.skeleton.keypoints == ("snout", "leftear", "rightear", "tailbase")
    np.testing.assert_allclose(labels.xy[0, 0, 0], [21.521, 265.428])
    assert all(frame.path.is_file() for frame in labels.frames)
    assert not labels.outside([(640, 480)] * 116).all()


def test_real_lightning_pose_labels(recordings):
    labels = read_labels(recordings("mirror_mouse_lp") / "CollectedData.csv")
    assert labels.xy.shape == (90, 1, 17, 2)
    assert all(frame.path.is_file() for frame in labels.frames)
    assert np.isnan(labels.xy[0, 0, labels.skeleton.index("tailBase_top")]).all()


def test_real_multi_animal_labels(recordings):
    folder = recordings("format_samples") / "dlc"
    labels = read_labels(folder / "CollectedData_LM.csv")
    assert labels.individuals == ("Animal1", "Animal2", "single")
    np.testing.assert_equal(labels.xy[1, 1, 2], [20, 21])


def test_real_proofread_tracks_become_labels(recordings, tmp_path):
    folder = recordings("mouse_4cam")
    found = read_detections({"top": folder / "top" / "minimal_top_proofread.analysis.h5"}, fps=30)
    labels = labels_from(found, {"top": folder / "top" / "minimal_top.mp4"}).select([0, 7])
    assert [frame.index for frame in labels.frames] == [0, 7]
    images = extract_images(labels, tmp_path)
    assert [frame.path.name for frame in images.frames] == ["img000000.png", "img000007.png"]
    assert cv2.imread(str(images.frames[1].path)).shape == (1024, 1280, 3)
    write_labels(images, tmp_path)
    assert_same(read_labels(tmp_path), images)


def refused(match, path, **options):
    with pytest.raises(ValueError, match=match):
        read_labels(path, **options)


def test_unknown_bodypart(tmp_path):
    write_labels(project_labels(tmp_path), tmp_path)
    config = tmp_path / "config.yaml"
    config.write_text(config.read_text().replace("- tail\n", "- tails\n", 1))
    refused("unknown bodypart tail|no keypoint called", tmp_path)
    refused(
        "no keypoint called nose",
        tmp_path / "labeled-data" / "one" / "CollectedData_labeller.csv",
        skeleton=Skeleton.from_names("n", ["nose"]),
    )


def test_malformed_label_files(tmp_path):
    (tmp_path / "empty.csv").write_text("")
    refused("is empty", tmp_path / "empty.csv")
    (tmp_path / "cut.json").write_text('{"images": [')
    refused("cut.json: not a JSON file: .*line 1", tmp_path / "cut.json")
    (tmp_path / "other.json").write_text('{"images": []}')
    refused("not COCO keypoint annotations", tmp_path / "other.json")
    (tmp_path / "config.yaml").write_text("bodyparts: [a\nTask: x\n")
    refused("not a YAML file.*line", tmp_path)
    (tmp_path / "notes.txt").write_text("hello")
    refused("not a file of labels", tmp_path / "notes.txt")
    with pytest.raises(FileNotFoundError, match=r"config\.yaml"):
        read_labels(tmp_path / "labeled-data" / "config.yaml")


def test_project_without_labels(tmp_path):
    (tmp_path / "config.yaml").write_text("bodyparts: [a]\n")
    with pytest.raises(FileNotFoundError, match="holds no labels"):
        read_labels(tmp_path)


def test_what_a_file_cannot_name_is_refused(tmp_path):
    there = project_labels(tmp_path)
    with pytest.raises(ValueError, match=r"unknown suffix '\.xls'"):
        write_labels(there, tmp_path / "a.xls")
    with pytest.raises(ValueError, match="lies outside the folder"):
        write_labels(there, tmp_path / "a.csv", root=tmp_path / "elsewhere")
    video = Labels(
        frames=(LabelledFrame(path=Path("v.mp4"), index=3),),
        xy=there.xy[:1],
        individuals=("a",),
        skeleton=paws,
    )
    with pytest.raises(ValueError, match="extract the frames"):
        write_labels(video, tmp_path / "a.csv")
    (tmp_path / "v.mp4").write_bytes(b"no video")
    with pytest.raises(ValueError, match="frame 3 was asked for, but only 0 frames"):
        extract_images(
            Labels(
                frames=(LabelledFrame(path=tmp_path / "v.mp4", index=3),),
                xy=there.xy[:1],
                individuals=("a",),
                skeleton=paws,
            ),
            tmp_path,
        )


def test_corrupt_image(tmp_path):
    there = project_labels(tmp_path)
    there.frames[2].path.write_bytes(b"no image")
    with pytest.raises(ValueError, match=r"img002.png: the image is corrupt"):
        write_labels(there, tmp_path / "labels.json")
    assert not (tmp_path / "labels.json").exists()


def test_coco_without_names_orders_by_annotation(tmp_path):
    there = project_labels(tmp_path, ("ann", "bob"))
    write_labels(there, tmp_path / "labels.json")
    document = json.loads((tmp_path / "labels.json").read_text())
    for one in document["annotations"]:
        del one["individual"]
    (tmp_path / "labels.json").write_text(json.dumps(document))
    assert read_labels(tmp_path / "labels.json").individuals == ("individual1", "individual2")
