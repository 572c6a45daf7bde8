"""Our own TOML and its relatives, in and out."""

import numpy as np
import pytest
import toml

from calibration import Camera, Intrinsics, Rig

K = np.array([[800.0, 0.5, 320], [0, 810, 240], [0, 0, 1]])
lenses = {
    "none": Intrinsics(size=(640, 480), K=K, distortion=[]),
    "radial": Intrinsics(size=(640, 480), K=K, distortion=[-0.3, 0.1, 0.001, -0.002, 0.02]),
    "rational": Intrinsics(size=(640, 480), K=K, distortion=np.linspace(-0.1, 0.1, 8)),
    "thin prism": Intrinsics(size=(640, 480), K=K, distortion=np.linspace(-0.1, 0.1, 12)),
    "fisheye": Intrinsics(size=(640, 480), K=K, distortion=[0.1, 0.01, -0.01, 1e-3], model="fisheye"),
    "covered": Intrinsics(size=(640, 480), K=K, covered=[[10.5, 10], [600, 20], [300, 470]]),
}


def rig_of(*named):
    rng = np.random.default_rng(0)
    return Rig(
        cameras=tuple(
            Camera.from_rotvec(name, lens, rng.normal(size=3), rng.normal(size=3)) for name, lens in named
        )
    )


def assert_same(rig, other, atol=1e-12):
    assert rig.names == other.names
    for a, b in zip(rig.cameras, other.cameras, strict=True):
        assert a.intrinsics.size == b.intrinsics.size
        assert a.intrinsics.model == b.intrinsics.model
        np.testing.assert_array_equal(a.intrinsics.K, b.intrinsics.K)
        np.testing.assert_array_equal(*(np.trim_zeros(x.intrinsics.distortion, "b") for x in (a, b)))
        np.testing.assert_allclose(a.R, b.R, atol=atol)
        np.testing.assert_allclose(a.t, b.t, atol=atol)
        assert (a.intrinsics.covered is None) == (b.intrinsics.covered is None)
        if a.intrinsics.covered is not None:
            np.testing.assert_array_equal(a.intrinsics.covered, b.intrinsics.covered)


@pytest.mark.parametrize("unit", ["m", "mm"])
def test_a_rig_survives_its_file(tmp_path, unit):
    rig = rig_of(*lenses.items())
    rig.save(tmp_path / "rig.toml", unit=unit)
    assert_same(rig, Rig.load(tmp_path / "rig.toml"))


def test_the_same_rig_gives_the_same_bytes(tmp_path):
    rig = rig_of(*lenses.items())
    rig.save(tmp_path / "a.toml")
    Rig.load(tmp_path / "a.toml").save(tmp_path / "b.toml")
    rig.save(tmp_path / "c.toml")
    assert (tmp_path / "a.toml").read_bytes() == (tmp_path / "c.toml").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.toml", "b.toml", "c.toml"]


def test_many_cameras_keep_their_order_and_names(tmp_path):
    rig = rig_of(*((str(number), lenses["radial"]) for number in range(12, 0, -1)))
    rig.save(tmp_path / "rig.toml")
    assert Rig.load(tmp_path / "rig.toml").names == rig.names
    assert sorted(toml.load(tmp_path / "rig.toml"))[:2] == ["cam_00", "cam_01"]


def test_names_may_hold_anything(tmp_path):
    rig = rig_of(*((name, lenses["radial"]) for name in ['a "b"', "c\\x", "é\t", "[cam_1]", "\x7f"]))
    rig.save(tmp_path / "rig.toml")
    assert Rig.load(tmp_path / "rig.toml").names == rig.names


def test_unpadded_sections_are_read_in_natural_order(recordings):
    path = recordings("rig_12cam_points") / "calibration_right_4_10_2026_adjusted.toml"
    assert Rig.load(path, unit="m").names == tuple(map(str, range(10, 22)))


def test_anipose_needs_a_unit(recordings):
    path = recordings("animals_eks") / "fly" / "calibration.toml"
    with pytest.raises(ValueError, match=r'does not store its length unit.*unit="mm"'):
        Rig.load(path)
    rig = Rig.load(path, unit="mm")
    assert rig.names == ("Cam-A", "Cam-B", "Cam-C")
    np.testing.assert_allclose(
        rig.cameras[0].t, [-0.0012882079512493625, -0.0010604344484725183, 0.054050719886340794]
    )
    assert rig.cameras[2].intrinsics.K[0, 0] == 136330.25013473458


def test_a_stored_unit_is_not_overruled(tmp_path):
    rig_of(("a", lenses["radial"])).save(tmp_path / "rig.toml")
    with pytest.raises(ValueError, match='says its unit is "m", but unit="mm"'):
        Rig.load(tmp_path / "rig.toml", unit="mm")


def test_pose2sim_is_in_metres_and_in_the_order_of_the_file(recordings):
    rig = Rig.load(recordings("human_4cam") / "S00_Calibration" / "Calib_qualisys.toml")
    assert rig.names == ("cam_01", "cam_02", "cam_03", "cam_04")
    assert rig.cameras[0].intrinsics.size == (1088, 1920)
    np.testing.assert_allclose(rig.cameras[0].t, [0.32110489, 0.95633206, 2.89071305])


def test_pose2sim_round_trip_and_its_limit(tmp_path):
    lens = Intrinsics(size=(640, 480), K=K, distortion=[-0.3, 0.1, 0.001, -0.002])
    rig = rig_of(("top", lens), ("left", lens))
    rig.save(tmp_path / "Calib.toml", format="pose2sim")
    assert_same(rig, Rig.load(tmp_path / "Calib.toml"))
    with pytest.raises(ValueError, match="four distortion coefficients"):
        rig_of(("top", lenses["radial"])).save(tmp_path / "Calib.toml", format="pose2sim")


malformed = {
    "centre repeated": ("[0.0, 0.0, 1.0]", "[320.0, 240.0, 1.0]", r"line 4: \[cam_0\] matrix: the last row"),
    "not a number": ("[0.1, 0.2, 0.3]", '["x", 0.2, 0.3]', r"line 6: \[cam_0\] rotation: expected numbers"),
    "too short": ("[1.0, 2.0, 3.0]", "[1.0, 2.0]", r"line 7: \[cam_0\] translation: expected shape"),
    "missing": ("size = [640, 480]", "", r"line 1: \[cam_0\] size: is missing"),
    "two coefficients": (
        "[-0.1, 0.0, 0.0, 0.0, 0.0]",
        "[-0.1, 0.0]",
        r"line 5: \[cam_0\] distortions: .*coefficients",
    ),
    "infinite": ("[1.0, 2.0, 3.0]", "[1.0, inf, 3.0]", r"line 7: \[cam_0\] translation: must be finite"),
    "no focal length": ("[800.0, 0.0", "[0.0, 0.0", r"line 4: \[cam_0\] matrix: .*focal lengths"),
    "syntax": ("rotation = ", "rotation ", r"not a TOML file: .*line 6"),
}


@pytest.mark.parametrize("case", malformed)
def test_malformed_values_are_named(tmp_path, case):
    good = (
        '[cam_0]\nname = "a"\nsize = [640, 480]\n'
        "matrix = [[800.0, 0.0, 320.0], [0.0, 800.0, 240.0], [0.0, 0.0, 1.0]]\n"
        "distortions = [-0.1, 0.0, 0.0, 0.0, 0.0]\nrotation = [0.1, 0.2, 0.3]\n"
        "translation = [1.0, 2.0, 3.0]\n"
        '[metadata]\nunit = "m"\n'
    )
    old, new, message = malformed[case]
    path = tmp_path / "calibration.toml"
    path.write_text(good)
    Rig.load(path)
    path.write_text(good.replace(old, new, 1))
    with pytest.raises(ValueError, match=message):
        Rig.load(path)


def test_nothing_is_left_when_writing_fails(tmp_path):
    with pytest.raises(ValueError, match="expected one of"):
        rig_of(("a", lenses["none"])).save(tmp_path / "rig.toml", format="excel")
    with pytest.raises(ValueError, match="unit"):
        rig_of(("a", lenses["none"])).save(tmp_path / "rig.toml", unit="furlong")
    assert not list(tmp_path.iterdir())
