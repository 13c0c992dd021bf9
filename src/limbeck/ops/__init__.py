"""Tensor operations without project nouns; each fast form has a plain reference beside it."""

from limbeck.ops.act import lrelu as lrelu
from limbeck.ops.filtered_act import Resizing as Resizing
from limbeck.ops.filtered_act import filtered_lrelu as filtered_lrelu
from limbeck.ops.fir import Plan as Plan
from limbeck.ops.fir import make_filter as make_filter
from limbeck.ops.fir import resample as resample
from limbeck.ops.fir import upsample2 as upsample2
from limbeck.ops.fused import FUSED_FROM as FUSED_FROM
from limbeck.ops.fused import epilogue as epilogue
from limbeck.ops.fused import fused_epilogue as fused_epilogue
from limbeck.ops.lowpass import lowpass_filter as lowpass_filter
from limbeck.ops.modconv import demodulation as demodulation
from limbeck.ops.modconv import modulated_1x1 as modulated_1x1
from limbeck.ops.modconv import modulated_conv2d as modulated_conv2d
from limbeck.ops.modconv import scaled_conv2d as scaled_conv2d
from limbeck.ops.modconv import squared_norms as squared_norms
from limbeck.ops.modconv import up_conv as up_conv
from limbeck.ops.strided import conv2d_down as conv2d_down
from limbeck.ops.strided import conv2d_up as conv2d_up
from limbeck.ops.strided import weight_products as weight_products
from limbeck.ops.winograd import conv2d_same as conv2d_same
from limbeck.ops.winograd import direct_convolutions as direct_convolutions
from limbeck.ops.winograd import least_channels as least_channels
from limbeck.ops.winograd import winograd3x3 as winograd3x3

__all__ = [
    "FUSED_FROM",
    "Plan",
    "Resizing",
    "conv2d_down",
    "conv2d_same",
    "conv2d_up",
    "demodulation",
    "direct_convolutions",
    "epilogue",
    "filtered_lrelu",
    "fused_epilogue",
    "least_channels",
    "lowpass_filter",
    "lrelu",
    "make_filter",
    "modulated_1x1",
    "modulated_conv2d",
    "resample",
    "scaled_conv2d",
    "squared_norms",
    "up_conv",
    "upsample2",
    "weight_products",
    "winograd3x3",
]
