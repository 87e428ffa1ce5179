"""What MNIST is: four files known by their content, whatever format it came in."""

from mnistlib.dataset.digits import DigitData, Digits

FILES = {
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}
"""sha256 of the uncompressed bytes, by canonical file name: train images, labels, test ones."""

SAMPLE = "ac11000a69e003508e78595657e787dc7ff27cc1e30774f6055eeba33b7a12cf"
"""The fingerprint of the built-in sample, so that an exported copy of it is still known as such."""

FINGERPRINT = "fd173559fad9320db65b18dd25991e18011ddf27deee842a82bd2001fcac012a"
"""MNIST's fingerprint as `DigitData` has it: over both splits, over their files' sha256."""

RESERVED = {"mnist", "sample"}


def digests(train: Digits, test: Digits) -> dict[str, str]:
    """sha256 of each of the four canonical IDX files that these digits would make."""
    return dict(zip(FILES, (*train.digests, *test.digests), strict=True))


def altered(train: Digits, test: Digits) -> list[str]:
    """The canonical files whose content is not MNIST's: none for MNIST, all four for others."""
    return [name for name, found in digests(train, test).items() if found != FILES[name]]


def name_by_content(train: Digits, test: Digits, own_name: str, origin: str) -> DigitData:
    """Pair two splits as "MNIST" or "sample" if that is their content, else by their own name."""
    if not altered(train, test):
        return entitle(train, test, "MNIST", origin)
    if DigitData(train, test, own_name, origin).fingerprint == SAMPLE:
        return entitle(train, test, "sample", origin, is_sample=True)
    # digits that merely lie in a folder called "mnist" must not pass for MNIST
    own = f"other {own_name}" if own_name.lower() in RESERVED else own_name
    return entitle(train, test, own, origin)


def entitle(
    train: Digits, test: Digits, name: str, origin: str, is_sample: bool = False
) -> DigitData:
    """Pair two splits and name each after the whole."""
    return DigitData(
        train.renamed(f"{name} train"), test.renamed(f"{name} test"), name, origin, is_sample
    )
