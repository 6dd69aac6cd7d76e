"""PyTorch loops under a budget, in a real kernel on real nets."""

from __future__ import annotations

import ast

import pytest
from driver import NO_CAPS, QUICK, Run, run_cells

from grader.evidence import wire

pytest.importorskip("torch")

SETUP = """
import numpy as np, keras, torch, torch.nn as nn, torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset, Dataset, random_split
(x, y), (xt, yt) = keras.datasets.mnist.load_data()
images = torch.tensor(x[:, None] / 255.0, dtype=torch.float32)
labels = torch.tensor(y, dtype=torch.long)
train_set = TensorDataset(images, labels)
test_images = torch.tensor(xt[:, None] / 255.0, dtype=torch.float32)
test_set = TensorDataset(test_images, torch.tensor(yt, dtype=torch.long))

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2))
        self.drop = nn.Dropout(0.25)
        self.out = nn.Linear(4 * 14 * 14, 10)
    def forward(self, x):
        return self.out(self.drop(torch.flatten(self.features(x), 1)))

def train(net, loader, optimizer, criterion):
    net.train()
    rows = 0
    for data, target in loader:
        optimizer.zero_grad()
        loss = criterion(net(data), target)
        loss.backward()
        optimizer.step()
        rows += len(data)
    return rows

def test(net, loader):
    net.eval()
    rows = 0
    with torch.no_grad():
        for data, target in loader:
            F.cross_entropy(net(data), target)
            rows += len(data)
    return rows
"""
CELLS = {
    "setup": SETUP,
    "untouched": """
loader = DataLoader(train_set, batch_size=20, shuffle=True)
counted = sum(len(a) for a, _ in loader)
first, _ = next(iter(loader))
print((counted, len(first), len(loader), sum(len(a) for a, b in enumerate(loader) for a in b[:1])))
""",
    "training": """
net = Net()
optimizer = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9)
criterion = nn.CrossEntropyLoss()
test_loader = DataLoader(test_set, batch_size=10)
EPOCHS = 4
trained, tested = [], []
for epoch in range(1, EPOCHS + 1):
    trained.append(train(net, loader, optimizer, criterion))
    tested.append(test(net, test_loader))
print((trained, tested))
""",
    "many epochs": """
second = Net()
adam = torch.optim.Adam(second.parameters())
counts = []
for _ in range(30):
    counts.append(train(second, loader, adam, F.cross_entropy))
print(counts)
""",
    "while": """
third, epoch, seen = Net(), 0, []
adam = torch.optim.Adam(third.parameters(), lr=0.002)
while epoch < 6:
    seen.append(train(third, loader, adam, criterion)); epoch += 1
print(seen)
""",
    "evaluation": "print(test(net, DataLoader(train_set, batch_size=10)))",
    "split": """
few, rest = random_split(train_set, [450, 150], torch.Generator().manual_seed(0))
fourth = Net()
sgd = torch.optim.SGD(fourth.parameters(), lr=0.1)
for epoch in range(2):
    train(fourth, DataLoader(few, batch_size=50), sgd, criterion)
    test(fourth, DataLoader(rest, batch_size=50))
""",
    "own set": """
class Own(Dataset):
    def __len__(self): return 200
    def __getitem__(self, i): return images[i], int(labels[i])
fifth = nn.Sequential(nn.Flatten(), nn.Linear(784, 10))
sgd = torch.optim.SGD(fifth.parameters(), lr=0.1)
fifth.eval()
for epoch in range(1):
    for data, target in DataLoader(Own(), batch_size=20):
        loss = criterion(fifth(data), target); sgd.zero_grad(); loss.backward(); sgd.step()
""",
    "large": """
big = nn.Sequential(nn.Conv2d(1, 256, 5, padding=2), nn.Conv2d(256, 256, 5, padding=2),
    nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(256, 10))
sgd = torch.optim.SGD(big.parameters(), lr=0.01)
sizes = []
for epoch in range(3):
    for data, target in DataLoader(train_set, batch_size=64):
        sizes.append(len(data))
        loss = criterion(big(data), target); sgd.zero_grad(); loss.backward(); sgd.step()
print(sizes)
""",
    "broken off": """
for data, target in loader:
    break
print(sum(len(a) for a, _ in loader))
""",
}  # fmt: skip


@pytest.fixture(scope="module")
def run() -> Run:
    return run_cells(list(CELLS.values()), QUICK)


def printed(run: Run, name: str):
    cell = run.cells[list(CELLS).index(name)]
    assert cell.ok, cell.error
    return ast.literal_eval(cell.text.strip())


def fit_of(run: Run, name: str) -> wire.Fit:
    index = list(CELLS).index(name)
    assert run.cells[index].ok, run.cells[index].error
    [fit] = [fit for fit in run.all(wire.Fit) if fit.cell == index]
    return fit


def test_the_probe_itself_had_no_trouble(run):
    """No fault of ours was swallowed on the way."""
    assert run.trouble == ""
    assert [cell.error for cell in run.cells] == [""] * len(CELLS)
    assert not run.all(wire.Tamper)


def test_a_loop_that_feeds_no_net_goes_to_its_end(run):
    """Counting, showing and collecting see every row, and a batch of the declared size."""
    assert printed(run, "untouched")[:3] == (600, 20, 30)
    assert printed(run, "broken off") == 600


def test_every_epoch_gets_an_equal_part(run):
    """240 rows in four epochs, as the source declares them; 32 rows of validation among them."""
    assert printed(run, "training") == ([60] * 4, [30] * 4)
    fit = fit_of(run, "training")
    assert (fit.loop, fit.epochs, fit.batch_size, fit.rows_trained, fit.calls) == ("torch", 4, 20, 240, 12)
    assert (fit.capped, fit.completed, fit.train_mode, fit.validation) == (True, True, True, "data")
    assert (len(fit.history["loss"]), len(fit.history["val_loss"])) == (4, 4)
    assert fit.initial_digest != fit.final_digest


def test_every_epoch_has_a_batch(run):
    """However many there are: the batch shrinks where the rows do not last."""
    rows = printed(run, "many epochs")
    assert len(rows) == 30
    assert min(rows) >= 1
    assert rows == [20] + [8] * 29  # the first batch was whole


def test_rounds_that_the_source_does_not_say_get_smaller_parts(run):
    """A quarter of what is left each time."""
    rows = printed(run, "while")
    assert len(rows) == 6
    assert rows[0] == 60
    assert sum(rows) <= 240
    assert fit_of(run, "while").epochs == 6


def test_an_evaluation_alone_gets_more(run):
    """Fifty rows, told as a capped prediction of the net."""
    assert printed(run, "evaluation") == 50
    [told] = [e for e in run.all(wire.Predict) if e.cell == list(CELLS).index("evaluation")]
    assert (told.rows_used, told.capped, told.output_shapes) == (50, True, ((10,),))
    assert told.serial == fit_of(run, "training").serial


def test_the_net_is_told_as_its_modules_ran(run):
    """Keras's names, channels last, sizes from the weights."""
    model = run.model("net")
    kinds = [layer.kind for layer in model.graph.layers]
    assert kinds == [
        "InputLayer", "Conv2D", "BatchNormalization", "ReLU", "MaxPooling2D", "Dropout", "Dense",
    ]  # fmt: skip
    conv = model.graph.layers[1]
    assert (conv.output_shape, conv.params, conv.config["kernel_size"], conv.config["padding"]) == (
        (28, 28, 4), 40, (3, 3), "same",
    )  # fmt: skip
    assert model.graph.params == 40 + 8 + 7850
    assert not model.graph.exact


def test_how_it_is_trained_is_told(run):
    """Optimizer, learning rate, and the loss, given as a class or as a function."""
    trained = {m.serial: m.compilation for m in run.all(wire.Model) if m.compilation}
    first = trained[fit_of(run, "training").serial]
    assert (first.optimizer.kind, first.optimizer.learning_rate) == ("SGD", 0.05)
    assert (first.loss.kind, first.loss.from_logits) == ("CrossEntropyLoss", True)
    second = trained[fit_of(run, "many epochs").serial]
    assert (second.optimizer.kind, second.loss.kind) == ("Adam", "CrossEntropyLoss")


def test_rows_are_told_by_content(run):
    """As the served images lie, whole, and only those of a subset."""
    described = {e.id: e for e in run.all(wire.Data)}
    fit = fit_of(run, "training")
    assert (described[fit.x].shape, described[fit.x].whole) == ((600, 28, 28), True)
    assert described[fit.validation_x].rows == 200
    split = fit_of(run, "split")
    assert (described[split.x].rows, described[split.validation_x].rows) == (450, 150)
    own = fit_of(run, "own set")
    assert described[own.x].rows >= 200 - 20


def test_training_in_evaluation_mode_is_told(run):
    """`net.eval()` before the loop: dropout and batch normalisation do not train."""
    assert fit_of(run, "own set").train_mode is False


def test_a_large_net_gets_smaller_batches(run):
    """The first batch is whole; once it is known what a row costs, the others are cut."""
    sizes = printed(run, "large")
    assert sizes[0] == 64
    assert len(sizes) == 3
    assert max(sizes[1:]) < 64


def test_full_runs_everything():
    """Nothing is cut, and what was trained is told all the same."""
    run = run_cells([SETUP, CELLS["untouched"], CELLS["training"]], NO_CAPS)
    assert run.trouble == ""
    assert ast.literal_eval(run.cells[2].text.strip()) == ([600] * 4, [200] * 4)
    [fit] = run.all(wire.Fit)
    assert (fit.rows_trained, fit.capped, fit.epochs) == (2400, False, 4)


def test_the_hooks_change_no_number():
    """With nothing cut, weights are those of the same program without the probe."""
    program = """
import torch, torch.nn as nn, hashlib
torch.manual_seed(3); torch.set_num_threads(1)
from torch.utils.data import DataLoader, TensorDataset
data = TensorDataset(torch.randn(64, 5), torch.randint(0, 2, (64,)))
net = nn.Sequential(nn.Linear(5, 8), nn.ReLU(), nn.Dropout(0.5), nn.Linear(8, 2))
optimizer = torch.optim.Adam(net.parameters())
for epoch in range(2):
    for a, b in DataLoader(data, batch_size=16, shuffle=True):
        optimizer.zero_grad(); nn.functional.cross_entropy(net(a), b).backward(); optimizer.step()
print(hashlib.sha256(b"".join(p.detach().numpy().tobytes() for p in net.parameters())).hexdigest())
print(torch.rand(1).item())
"""
    import contextlib
    import io

    run = run_cells([program], NO_CAPS)
    assert run.trouble == ""
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(compile(program, "<program>", "exec"), {})  # noqa: S102 - ours
    assert run.cells[0].text == out.getvalue()
