"""Settings of training that may have ruined a model, each with its remedy."""

from src.params import Train

PUBLISHED_LR = 0.0002  # Isola et al. 2017, as are the weights of the losses
PUBLISHED_L1, PUBLISHED_GAN = 100, 1
SUSPECT_FACTOR = 10  # times a published value: beyond it, it is the first thing to change
MIN_PICTURES_SEEN = 2000  # below it no model of this project has learned its task


def remedy_for(general: str, names: tuple[str, ...], settings: Train, task: str, done: int) -> str:
    """Return the remedy for a check that failed.

    Args:
        general: The remedy if no setting is unusual.
        names: The settings of training that may be the cause, of `suspects`' keys.
        settings: The section `train` of params.yaml.
        task: Of the model.
        done: Steps after which training ended.
    """
    causes = suspects(settings, task, done)
    if named := [causes[name] for name in causes if name in names]:
        return "; ".join(named)
    values = settings.model_dump()
    present = (f"train.{name} is {values[name]:g}" for name in names if name != "output")
    return f"{general} ({', '.join(present)})"


def suspects(t: Train, task: str, done: int) -> dict[str, str]:
    """Return the settings that are far from those known to work, each with its remedy.

    Training ended after `done` steps; `train.stop_after` may end it early.
    """
    causes = {}
    published = f"train.lr is {t.lr:g}, published is {PUBLISHED_LR:g}"
    if t.lr > SUSPECT_FACTOR * PUBLISHED_LR:
        causes["lr"] = f"{published}: lower it"
    elif t.lr < PUBLISHED_LR / SUSPECT_FACTOR:
        causes["lr"] = f"{published}: raise it"
    weights = f"published are {PUBLISHED_L1} and {PUBLISHED_GAN}"
    if t.l1_weight == t.gan_weight == 0:
        causes["l1_weight"] = f"train.l1_weight and train.gan_weight are 0, {weights}"
    elif t.gan_weight * PUBLISHED_L1 > SUSPECT_FACTOR * t.l1_weight * PUBLISHED_GAN:
        causes["l1_weight"] = (
            f"train.l1_weight is {t.l1_weight:g} and train.gan_weight {t.gan_weight:g}, {weights}: "
            "hardly anything ties an output to its target"
        )
    elif t.gan_weight == 0:
        causes["gan_weight"] = (
            f"train.gan_weight is 0, published is {PUBLISHED_GAN}: with L1 alone outputs get a mean "
            "tint, and little colour and contrast"
        )
    if done * t.batch_size < MIN_PICTURES_SEEN:
        ended = f"train.steps is {t.steps}", ""
        if done < t.steps:
            stop = (
                f"train.stop_after: {t.stop_after} ended training after {done} of {t.steps} steps"
            )
            ended = stop, ", with train.stop_after: 0"
        causes["steps"] = (
            f"{ended[0]}, so that training saw {done * t.batch_size} pictures: "
            f"train at least {-(-MIN_PICTURES_SEEN // t.batch_size)} steps{ended[1]}"
        )
    if task == "colorize" and t.output == "rgb":
        causes["output"] = (
            "train.output is rgb: chroma keeps the input's gray, and so its structure"
        )
    return causes
