"""Real images, sounds, series and volumes as arrays, in the layouts that models take."""

from .corruptions import CORRUPTIONS, SEVERITIES, corrupt
from .images import Photographs, class_names, image_folder, imagenet_photographs, load_image
from .series import TimeSeries, time_series
from .sounds import esc50, fit_duration, load_wav, resample, save_wav, wav_folder
from .volumes import medmnist3d, npy_folder, voxelize

__all__ = [
    "CORRUPTIONS",
    "SEVERITIES",
    "Photographs",
    "TimeSeries",
    "class_names",
    "corrupt",
    "esc50",
    "fit_duration",
    "image_folder",
    "imagenet_photographs",
    "load_image",
    "load_wav",
    "medmnist3d",
    "npy_folder",
    "resample",
    "save_wav",
    "time_series",
    "voxelize",
    "wav_folder",
]
