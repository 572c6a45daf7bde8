"""Calibrate synchronized cameras: recordings of a board in, a `Rig` in metres and its report out."""

from .boards.board import Board as Board
from .boards.kalibr_target import read_target as read_target
from .boards.printing import save_board as save_board
from .calibrator import calibrate as calibrate
from .camera import Camera as Camera
from .camera import Intrinsics as Intrinsics
from .corners.doctor import Diagnosis as Diagnosis
from .corners.doctor import diagnose as diagnose
from .corners.finding import find_corners as find_corners
from .corners.observations import BoardObservations as BoardObservations
from .errors import CalibrationError as CalibrationError
from .errors import ShapeError as ShapeError
from .known_length import scaled_to_length as scaled_to_length
from .points.drift import DriftReport as DriftReport
from .points.drift import check_drift as check_drift
from .points.moving_point import Motion as Motion
from .points.moving_point import Track as Track
from .points.refining import PointsReport as PointsReport
from .points.refining import refine_cameras as refine_cameras
from .points.rough_start import calibrate_points as calibrate_points
from .points.rough_start import calibrate_wand as calibrate_wand
from .points.track_alignment import placed_on_track as placed_on_track
from .points.unsynchronised import calibrate_moving_point as calibrate_moving_point
from .quality.diagnosis import diagnose_rig as diagnose_rig
from .quality.report import CalibrationReport as CalibrationReport
from .recordings.recording import Recording as Recording
from .rig import Rig as Rig
from .rig_files.draws import load_draws as load_draws
from .rig_files.draws import save_draws as save_draws
from .world.levelling import levelled as levelled
from .world.mirrors import MirrorPlane as MirrorPlane
from .world.mirrors import mirror_plane as mirror_plane
from .world.placement import (
    placed_on_board as placed_on_board,
)
from .world.placement import (
    placed_on_floor as placed_on_floor,
)
from .world.placement import (
    placed_on_points as placed_on_points,
)
