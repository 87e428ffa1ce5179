"""LeNet-5, an MLP of the same size and a regularized LeNet-5 on MNIST, with evidence."""

__version__ = "1.0.0"
