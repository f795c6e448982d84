"""The few numbers that experiments are compared by."""

from src.audit.experiment_metrics import summary

SCORES = {
    "fd_effnet": 40.0,
    "fd_effnet_se": 2.0,
    "precision_effnet": 0.9,
    "coverage_effnet": 0.8,
    "fid": 30.0,
    "coverage_inception": 0.7,
    "l1": 0.1,
    "psnr": 20.0,
    "ssim": 0.8,
    "n": 7,
}


def test_validation_and_the_verdict_come_first_and_details_stay_away():
    names = list(summary({"val": SCORES, "train": SCORES}, 2, 70))
    assert names[:5] == ["l1", "psnr", "ssim", "failed_checks", "fd_effnet"]
    assert {"fid", "coverage_effnet", "train_l1", "val_pictures"} <= set(names)
    assert not {"precision_effnet", "coverage_inception", "fd_effnet_se", "n"} & set(names)
