"""Cameras for images of another resolution: the same rays, and a crop is not one."""

import numpy as np
import pytest

from calibration import Rig
from tests.test_calibration.board_scene import true_rig

rig = true_rig(views=3)
xyz = np.random.default_rng(0).uniform([-0.5, -0.5, 0.4], [0.5, 0.5, 1.4], (50, 3))


@pytest.mark.parametrize("factor", [0.5, 2.0, 0.25])
def test_the_edges_of_pixels_scale(factor):
    smaller = rig.resized(factor * np.array([camera.intrinsics.size for camera in rig.cameras]))
    np.testing.assert_allclose(smaller.project(xyz) + 0.5, factor * (rig.project(xyz) + 0.5), atol=1e-9)


def test_sizes_that_a_scaler_rounded_fit():
    assert rig.resized([[427, 341]] * 3).cameras[0].intrinsics.size == (427, 341)  # a third, rounded


@pytest.mark.parametrize("size", [(1272, 1024), (1280, 1016), (1024, 1280), (1280, 720), (640, 504)])
def test_a_crop_is_refused_and_the_camera_named(size):
    with pytest.raises(
        ValueError, match=rf"camera cam1: images of {size[0]} x {size[1]} px .* 1280 x 1024 px"
    ):
        rig.resized([[1280, 1024], size, [1280, 1024]])


def test_a_size_that_was_guessed_is_taken_from_the_images(tmp_path):
    folder = tmp_path / "easymocap"
    folder.mkdir()
    (folder / "intri.yml").write_text(
        '%YAML:1.0\n---\nnames:\n   - "one"\nK_one: !!opencv-matrix\n   rows: 3\n   cols: 3\n   dt: d\n'
        "   data: [ 900., 0., 650., 0., 900., 500., 0., 0., 1. ]\n"
        "dist_one: !!opencv-matrix\n   rows: 1\n   cols: 5\n   dt: d\n   data: [ 0., 0., 0., 0., 0. ]\n"
    )
    (folder / "extri.yml").write_text(
        '%YAML:1.0\n---\nnames:\n   - "one"\n'
        + "".join(
            f"{key}_one: !!opencv-matrix\n   rows: 3\n   cols: 1\n   dt: d\n   data: [ 0., 0., 0. ]\n"
            for key in "RT"
        )
    )
    with pytest.warns(UserWarning, match="the image size of camera one is not stored"):
        read = Rig.load(folder)
    read.save(tmp_path / "rig.toml")
    again = Rig.load(tmp_path / "rig.toml")
    for one in (read, again):
        fitted = one.resized([[1280, 720]]).cameras[0].intrinsics
        assert (fitted.size, fitted.size_known) == ((1280, 720), True)
        np.testing.assert_array_equal(fitted.K, read.cameras[0].intrinsics.K)


@pytest.mark.parametrize("size", [(1272, 1024), (1280, 1016), (1270, 1010)])
def test_what_only_fills_codec_blocks_is_cut_off_where_that_is_asked_for(size):
    smaller = rig.resized([[1280, 1024], size, [640, 512]], filled=True)
    np.testing.assert_array_equal(smaller.project(xyz)[..., :2, :], rig.project(xyz)[..., :2, :])
    assert smaller.cameras[1].intrinsics.size == size
    np.testing.assert_allclose(
        smaller.project(xyz)[..., 2, :] + 0.5, 0.5 * (rig.project(xyz)[..., 2, :] + 0.5), atol=1e-9
    )


@pytest.mark.parametrize("size", [(1264, 1024), (1288, 1024), (1280, 720)])
def test_other_crops_are_refused_all_the_same(size):
    with pytest.raises(ValueError, match="camera cam1: images of"):
        rig.resized([[1280, 1024], size, [1280, 1024]], filled=True)
