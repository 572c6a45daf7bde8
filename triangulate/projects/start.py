"""Start a project: find the recordings of a folder, and write a project file with a comment on every key."""

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from calibration.atomic import replacing
from calibration.boards.board import Board
from calibration.boards.pattern import check_pattern
from triangulate.errors import ProjectError
from triangulate.projects.given_rigs import find_rig
from triangulate.projects.project import FILE

VIDEOS = {".mp4", ".avi", ".mov", ".mkv", ".m4v", ".mpg", ".mpeg", ".wmv", ".webm"}
IMAGES = {".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff"}
CALIBRATION_WORDS = ("calib", "board", "charuco", "chess", "extrin", "checker")
CAMERA_WORDS = re.compile(r"(?i)^(cam(era)?|view|c|gopro|kinect|pi|webcam)[-_ ]?\w{0,3}$")
DEEPEST = 5
USUAL_MARKER = 0.75
"""Side of a marker in squares, where nobody says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundRecordings:
    """The recordings in a folder.

    Attributes
    ----------
    cameras : tuple of str
    calibration : str or None
        Path with {camera} in place of the camera's name.
    trials : dict of str to str
        The same for each trial.
    """

    cameras: tuple[str, ...]
    calibration: str | None
    trials: dict[str, str]


def find_recordings(folder: str | Path) -> FoundRecordings:
    """Find files that differ only in the name of the camera, wherever in their path it stands.

    Parameters
    ----------
    folder : path

    Returns
    -------
    found : FoundRecordings

    Raises
    ------
    ProjectError
        If there are no videos or folders of images, or no two of them that belong together.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise ProjectError(f"{folder}: no such folder")
    items = sorted(_media(folder, folder))
    if not items:
        raise ProjectError(
            f"{folder}: no videos or folders of images in it; put one video per camera into a folder, such "
            "as calibration/left.mp4 and calibration/right.mp4"
        )
    groups: dict[str, set[str]] = defaultdict(set)
    for item in items:
        for name in set(_tokens(item)) - {""}:
            groups[_replaced(item, name)].add(name)
    cameras = _likeliest({pattern: names for pattern, names in groups.items() if len(names) > 1}, items)
    if cameras is None:
        raise ProjectError(
            f"{folder}: found {', '.join(items[:6])}, but no two that differ only in the name of a camera; "
            "name them alike, such as trial1/left.mp4 and trial1/right.mp4"
        )
    patterns = sorted(pattern for pattern, names in groups.items() if names >= cameras)
    calibration = next((p for p in patterns if any(word in p.lower() for word in CALIBRATION_WORDS)), None)
    return FoundRecordings(
        cameras=tuple(sorted(cameras, key=_natural)),
        calibration=calibration,
        trials=_named_trials([pattern for pattern in patterns if pattern != calibration]),
    )


def _media(root: Path, folder: Path, depth: int = 0) -> Iterable[str]:
    """Yield videos, and folders with images in them, as paths relative to the root."""
    images = 0
    for path in sorted(folder.iterdir()):
        if path.name.startswith(".") or (depth == 0 and path.name == "results"):
            continue
        if path.is_dir() and depth < DEEPEST:
            yield from _media(root, path, depth + 1)
        elif path.suffix.lower() in VIDEOS:
            yield path.relative_to(root).as_posix()
        elif path.suffix.lower() in IMAGES:
            images += 1
    if images and folder != root:
        yield folder.relative_to(root).as_posix()


def _tokens(item: str) -> list[str]:
    """Whole path components, and the words inside of them: a camera may be called by either."""
    stem = item.rsplit(".", 1)[0] if Path(item).suffix.lower() in VIDEOS else item
    parts = stem.split("/")
    return parts + [word for part in parts for word in re.split(r"[_\-. ]+", part)]


def _replaced(item: str, name: str) -> str:
    bounded = rf"(?<![^/_\-. ]){re.escape(name)}(?![^/_\-. ])"
    return re.sub(bounded, "{camera}", item)


def _likeliest(groups: dict[str, set[str]], items: list[str]) -> frozenset[str] | None:
    """Choose the names that explain most files; of equals those that sound like cameras, then the more."""
    sets = {frozenset(names) for names in groups.values()}

    def merit(names: frozenset[str]) -> tuple[int, float, int, tuple[str, ...]]:
        explained = {
            pattern.replace("{camera}", name)
            for pattern, members in groups.items()
            if members >= names
            for name in names
        }
        sounding = sum(bool(CAMERA_WORDS.match(name)) for name in names) / len(names)
        return len(explained & set(items)), sounding, len(names), tuple(sorted(names))

    return max(sets, key=merit, default=None)


def _natural(name: str) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", name) if part]


def _named_trials(patterns: list[str]) -> dict[str, str]:
    """Call each trial by what is left of its path without the camera, as short as it stays different."""
    trials: dict[str, str] = {}
    for pattern in patterns:
        stem = pattern.rsplit(".", 1)[0] if Path(pattern).suffix.lower() in VIDEOS else pattern
        parts = [part.replace("{camera}", "").strip("_-. ") for part in stem.split("/")]
        words = [part for part in parts if part] or ["trial"]
        name = next((word for word in reversed(words) if word not in trials), "-".join(words))
        while name in trials:
            name += "-2"
        trials[name] = pattern
    return trials


def write_project(
    folder: str | Path,
    *,
    board: Board | None = None,
    model: str | None = None,
    floor_frame: int | None = None,
    overwrite: bool = False,
) -> Path:
    """Look at the recordings of a folder and write a commented project file into it.

    Parameters
    ----------
    folder : path
    board : Board, optional
        Without it, a board is written that the user has to change.
    model : str, optional
        The network.
    floor_frame : int, optional
        Frame of the calibration in which the board lies on the floor.
    overwrite : bool

    Returns
    -------
    file : path

    Raises
    ------
    ProjectError
        If nothing to work on is found, or there is a project file already.
    """
    file = Path(folder) / FILE
    if file.exists() and not overwrite:
        raise ProjectError(f"{file}: is there already; change it by hand, or move it away first")
    found = find_recordings(folder)
    rig = find_rig(folder, found.cameras) if found.calibration is None else None
    text = project_text(found, board=board, model=model, floor_frame=floor_frame, rig=rig)
    with replacing(file) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return file


def project_text(
    found: FoundRecordings,
    *,
    board: Board | None = None,
    model: str | None = None,
    floor_frame: int | None = None,
    rig: str | None = None,
) -> str:
    """Write out a project file.

    Parameters
    ----------
    found : FoundRecordings
    board : Board, optional
    model : str, optional
    floor_frame : int, optional
    rig : str, optional
        Name of a calibration made elsewhere.

    Returns
    -------
    text : str
    """
    names = ", ".join(_quoted(name) for name in found.cameras)
    trials = "\n".join(
        f"[trials.{_quoted(name) if not re.fullmatch(r'[A-Za-z0-9_-]+', name) else name}]\n"
        f"recording = {_quoted(pattern)}\n"
        for name, pattern in found.trials.items()
    )
    if not trials:
        trials = '# [trials.walk]\n# recording = "walk/{camera}.mp4"\n'
    source = (
        f"recording = {_quoted(found.calibration)}"
        if found.calibration
        else "# No recording of a board was found. Name one, or a calibration made elsewhere:\n"
        '# recording = "calibration/{camera}.mp4"\n'
        f"rig = {_quoted(rig or 'calibration.toml')}        # of anipose, Pose2Sim, caliscope, OpenCV, ..."
    )
    floor = f"floor_frame = {floor_frame}" if floor_frame is not None else "# floor_frame = 0"
    network = f"model = {_quoted(model)}" if model else '# model = "human"'
    return _TEMPLATE.format(
        names=names, source=source, floor=floor, network=network, board=_board_text(board), trials=trials
    )


def charuco_of(squares: str, *, square: float | None, marker: float | None, dictionary: str) -> Board:
    """Make a Charuco board from what is typed on a command line.

    Parameters
    ----------
    squares : str
        Columns and rows, as "7x5".
    square : float, m, optional
    marker : float, m, optional
        By default three quarters of a square.
    dictionary : str

    Returns
    -------
    board : Board

    Raises
    ------
    ValueError
        If the squares are not two numbers, their side is not given or looks like millimetres, or the
        dictionary is unknown or has fewer markers than the board.

    Examples
    --------
    >>> charuco_of("7x5", square=0.04, marker=None, dictionary="4X4_50").marker
    0.03
    """
    match = re.fullmatch(r"(\d+)\s*[xX]\s*(\d+)", squares.strip())
    if not match:
        raise ValueError(f"--board: expected columns and rows such as 7x5, got {squares!r}")
    if square is None:
        raise ValueError("--board needs --square, the side of a square in metres, as measured on the print")
    if square > 1:
        raise ValueError(f"--square: lengths are in metres; {square:g} m looks like millimetres")
    board = Board.charuco(
        columns=int(match[1]),
        rows=int(match[2]),
        square=square,
        marker=USUAL_MARKER * square if marker is None else marker,
        dictionary=dictionary,
    )
    check_pattern(board)
    return board


def _quoted(text: str | None) -> str:
    return '"' + (text or "").replace("\\", "\\\\").replace('"', '\\"') + '"'


def _board_text(board: Board | None) -> str:
    shown = board or Board.charuco(columns=7, rows=5, square=0.04, marker=0.03, dictionary="4X4_50")
    lines = [
        f'kind = "{shown.kind}"' + " " * 12 + '# "charuco", "chessboard", "markers", "aprilgrid"',
        f"columns = {shown.columns}                 # squares, not corners",
        f"rows = {shown.rows}",
        f"square = {shown.square:g}               # metres: measure the print",
    ]
    if shown.kind == "charuco":
        lines += [
            f"marker = {shown.marker:g}",
            f'dictionary = "{shown.dictionary}"',
            f"legacy = {str(shown.legacy).lower()}              # true for prints by OpenCV before 4.6",
        ]
    first = [] if board else ["# These are only an example: put in your own board."]
    return "\n".join([*first, *lines])


_TEMPLATE = """\
# A project of triangulate. Lengths are metres; paths are relative to this file, and {{camera}} in a path
# stands for the name of each camera. Then:
#   triangulate check .        looks at everything and says what to mend
#   triangulate run .          does whatever is out of date

cameras = [{names}]

[calibration]
{source}
{floor}                # frame in which the board lies on the floor: it sets origin and up
# floor_filmed_from = "below"   # the cameras look up at it, as through glass
# time_offsets = true           # estimate how late each camera is, from the motion of the board
# stride = 5                    # look at every 5th frame of a long recording
# enough = 60                   # of a long one, stop when each camera has so many images of the board
# lens = "auto"                 # pinhole4, pinhole5, pinhole8, pinhole12, fisheye; auto: by held-out error
# fixed = {{ aspect = 1.0 }}      # what is known of all lenses, or {{ left = {{ cx = 639.5 }} }} of one
# shared = [["left", "right"]]  # these have one lens; {{ focal = [["left", "right"]] }}: a part of it
# A camera that is a part of a video, as a mirror in it is (several may name one video):
# [views.NAME]
# crop = [0, 0, 400, 300]       # px of the video: x, y, width, height
# mirrored = true               # it shows a mirror image
# suffix = "_left"              # ends the names of its keypoints in a file that has those of all views

[calibration.board]
{board}
# target = "aprilgrid.yaml"     # in place of all these: a board as Kalibr describes it
# [calibration.board.back]      # another board on the back of it, with other markers (first = 18, ...)
# thickness = 0.005             # metres, where it was measured

[detections]
{network}              # a shipped network, or the path of your own; or give files below
# subjects = 1                  # at most so many in view
# skeleton = "coco17"           # a shipped one, or a path; where files lack one, or it has [[joints]]
# fps = 60.0                    # where no file says
# min_confidence = 0.0          # detections below are not used
# locate_every = 8              # look at the whole frame in every 8th only, follow between; "human" does so
# precision = "bfloat16"        # twice as fast where the processor has matrix units; float32, float16

[reconstruct]
smooth = true
# unswap = true                 # put left and right right where a camera mixes them up; needs three
# calibration_uncertainty = true  # add the calibration's own to the covariance of every point
# Strengths are found from the data unless given, as standard deviations:
# pixel_sigma = 1.0             # px, of a detection
# acceleration_sigma = 20.0     # m/s2, of a keypoint
# bone_sigma = 0.002            # m, of a bone's length
# max_gap = 0.25                # s, the longest gap that is bridged
# refine_cameras = true         # as well, into calibration-refined-TRIAL.toml; or how far they may be off:
# refine_cameras = {{ rotation_sigma = 0.01, position_sigma = 0.01, offset_sigma = 0.0 }}  # rad, m, s

[export]
formats = ["trc", "c3d", "csv"] # also anipose, dlc, dlc-csv, sleap, movement, nwb
# skeleton = "opensim"          # with the keypoints of another skeleton, or the names of OpenSim's markers

# A trial needs a recording, or detections = "PATH/{{camera}}.h5" of another tool, or both.
{trials}"""
