"""What every column means; written beside the numbers and shown in the report."""

from collections.abc import Iterable, Sequence

from limbeck import fsio

DENSITIES = {
    "feature_gauss": "feature", "feature_ppca": "feature",
    "lite0_gauss": "lite0", "lite0_ppca": "lite0",
}  # fmt: skip
"""The distances from what is typical, and the feature space of each."""
LIKES = ("feature_knn", "lite0_knn")
"""Distances to a photo's like: what is far out but not from these is a mode of its own."""
CORE = "x_core"
FUSED = ("lpips_mid", *DENSITIES, "seam")
FUSED_WITHOUT = FUSED[1:]  # what looks at photos alone

FORMULAS = {
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
    "centroid": "|phi(x) - mean over the set of phi|^2, phi = LPIPS-AlexNet embedding at 64 px; of "
    "more than 2,048 photos, the mean over so many, evenly spread",
    "mode_distance": "LPIPS-AlexNet at 64 px from x to the nearest mode centre's image",
    "nngen": "mean LPIPS-AlexNet at 64 px from x to the {neighbours} nearest of {pictures} "
    "images of G_ema at psi 0.7",
    "gen_feature_gauss": "squared Mahalanobis distance in 128 principal components of standardised "
    "AlexNet activations (spatial means, 5 layers), x at the networks' size, at least 64 px, "
    "fitted to {pictures} images of G_ema at psi 1",
    "gen_feature_ppca": "squared residual of 64 components of the same fit",
    "gen_lite0_gauss": "like gen_feature_gauss, of EfficientNet-Lite0's pooled head at 96 px, "
    "f -> sqrt(f / sum f)",
    "gen_lite0_ppca": "squared residual of 64 components of the same fit",
    "gen_residual_gauss": "like gen_feature_gauss, of f(x) - f(G_ema(E_ema(x))), f the AlexNet "
    "activations: what the reconstruction leaves, beside what it leaves of generated images",
    "gen_residual_ppca": "squared residual of 64 components of the same fit",
    "feature_gauss": "squared Mahalanobis distance in 128 principal components of standardised "
    "AlexNet activations (spatial means, 5 layers), x at up to 128 px, fitted to what is typical "
    "of the other half of the photos: weights 1 / (1 + exp((u - 0.75) / 0.3)), five rounds, u the "
    "mean of the four distances in standard deviations, then one round by the mixture's "
    "probabilities; or, where a quarter or more are outliers, to the nearest two fifths (x_core), "
    "five rounds; at most N / 4 components",
    "feature_ppca": "squared residual of 64 components of the same fit",
    "seam": "largest, over the vertical and horizontal lines between neighbouring pixels, of the "
    "median along the line of max over RGB |step across it|, x at up to 128 px: collages, frames, "
    "letters' bands",
    "lite0_gauss": "like feature_gauss, of EfficientNet-Lite0's pooled head at 160 px, "
    "f -> sqrt(f / sum f)",
    "lite0_ppca": "squared residual of 64 components of the same fit",
    "feature_knn": "Euclidean distance to the tenth nearest other photo, standardised AlexNet "
    "activations as of feature_gauss; with lite0_knn it tells outliers from small modes",
    "lite0_knn": "the same of EfficientNet-Lite0's",
    "x_core": "covariate: 1 where what is typical was fitted to x: all photos, or the nearest two "
    "fifths where a quarter or more are outliers",
    "x_edge_energy": "covariate: mean squared brightness gradient",
    "x_brightness": "covariate: mean brightness",
    "x_contrast": "covariate: standard deviation of brightness",
    "x_saturation": "covariate: mean over pixels of max(R, G, B) - min(R, G, B)",
    "x_mode": "number of the nearest mode centre's image (LPIPS-AlexNet at 64 px)",
}


def formulas_digest() -> str:
    """Names the formulas: scores made by others are stale."""
    return fsio.digest_json([FORMULAS, FUSED])


def recommended_formula(names: Iterable[str], columns: Sequence[str] = FUSED) -> str:
    """The formula of the fusion of `columns` over those in `names`, saying which are missing."""
    present = set(names)
    used = [name for name in columns if name in present]
    absent = [name for name in columns if name not in present]
    text = (
        f"mean over s in ({', '.join(used)}) of log s in standard deviations of the ordinary "
        "photos (those of the half below the median; at most 6), weighted by 2 AUROC - 1 against "
        "the outliers that the distances in other feature spaces find"
    )
    return f"{text}; without {', '.join(absent)}: the networks have no encoder" if absent else text
