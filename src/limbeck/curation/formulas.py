"""What every column means; written beside the numbers and shown in the report."""

from collections.abc import Iterable, Sequence

from limbeck import fsio

FUSED = ("lpips_mid", "feature_gauss", "feature_ppca", "centroid", "seam")
FUSED_PLUS = (*FUSED, "lite0_gauss", "lite0_ppca")
FUSED_WITHOUT = FUSED[1:]  # what looks at photos alone

FORMULAS = {
    "rank_fusion": "like recommended, with -log(1 - R + 0.5 / N), R = rank / N",
    "lpips": "LPIPS-AlexNet(x, G_ema(E_ema(x))) at the networks' size, at least 64 px; constant "
    "noise; mean over x and its mirror image (the paper's score)",
    "lpips_mid": "the part of lpips that comes from AlexNet's conv2 plus the part from conv3, each "
    "divided by its mean over the set",
    "lpips_blur_ratio": "lpips / max(b, 0.01 mean b), b = LPIPS-AlexNet(x, Gaussian blur of x)",
    "l2": "mean over pixels of (x - G_ema(E_ema(x)))^2, values in [-1, 1]; mean over x and its "
    "mirror image",
    "w_distance": "root mean square over coordinates of (E_ema(x) - w_avg) / std of M_ema(z)",
    "d_logit": "-D(x), its minibatch statistic that of photos on average; mean over heads and "
    "patches of a projected D (unconditional networks only)",
    "centroid": "|phi(x) - mean over the set of phi|^2, phi = LPIPS-AlexNet embedding at 64 px",
    "mode_distance": "LPIPS-AlexNet at 64 px from x to the nearest mode centre's image",
    "nngen": "mean LPIPS-AlexNet at 64 px from x to the {neighbours} nearest of {pictures} "
    "images of G_ema at psi 0.7",
    "feature_gauss": "squared Mahalanobis distance in 128 principal components of standardised "
    "AlexNet activations (spatial means, 5 layers), x at up to 128 px, fitted to the nearest 80 %, "
    "found in four rounds; at most N / 4 components (instance selection, trimmed)",
    "feature_ppca": "squared residual of 64 components of the same features, trimmed likewise",
    "seam": "largest, over the vertical and horizontal lines between neighbouring pixels, of the "
    "median along the line of max over RGB |step across it|, x at up to 128 px: collages, frames, "
    "letters' bands",
    "lite0_gauss": "like feature_gauss, of EfficientNet-Lite0's pooled head at 160 px, "
    "f -> sqrt(f / sum f)",
    "lite0_ppca": "like feature_ppca, of the same",
    "x_edge_energy": "covariate: mean squared brightness gradient",
    "x_brightness": "covariate: mean brightness",
    "x_contrast": "covariate: standard deviation of brightness",
    "x_saturation": "covariate: mean over pixels of max(R, G, B) - min(R, G, B)",
    "x_mode": "number of the nearest mode centre's image (LPIPS-AlexNet at 64 px)",
}


def formulas_digest() -> str:
    """Names the formulas: scores made by others are stale."""
    return fsio.digest_json([FORMULAS, FUSED, FUSED_PLUS, FUSED_WITHOUT])


def recommended_formula(names: Iterable[str], columns: Sequence[str] = FUSED) -> str:
    """The formula of the fusion of `columns` over those in `names`, saying which are missing."""
    present = set(names)
    used = [name for name in columns if name in present]
    absent = [name for name in columns if name not in present]
    text = (
        f"sum over s in ({', '.join(used)}) of -log max(1 - Phi((log s - m) / d), 0.5 / N), m and "
        "d of the normal through the 10 % and 40 % points of log s (Fisher's fusion)"
    )
    return f"{text}; without {', '.join(absent)}: the networks have no encoder" if absent else text
