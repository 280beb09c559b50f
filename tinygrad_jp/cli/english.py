"""What the command line says in English: messages, then the pages of ``--help``."""

TEXT = {
    # ---------------------------------------------------------------- messages
    "interrupted": "interrupted",
    "go on": "Training was interrupted. Go on with:  tinygrad-jp train --out {folder} --resume",
    "from the start": "{folder} holds no checkpoint yet: training begins at the start.",
    "training": "Training on {n} examples of {data}, validating on {val}.",
    "stopped early": "Training stopped after {epochs} of {wanted} epochs: more than {patience} in a row brought no "
    "improvement (--patience).",
    "best epoch": "The best epoch was {epoch} of {epochs}; {monitor} {value:.4g}.",
    "test accuracy": "test accuracy: {accuracy:.2%} of {n} examples, loss {loss:.4g} (epoch {epoch})",
    "saved": "saved {path}",
    "no plots": 'no pictures were drawn: pip install "tinygrad_jp[cli]" for matplotlib',
    "class": "class",
    "precision": "precision",
    "recall": "recall",
    "F": "F",
    "examples": "examples",
    "mean": "mean of the classes",
    "confusion": "Confusion matrix (rows: true class, columns: predicted class)",
    "inverted": "light background: inverted",
    "blank": "almost one colour: there is nothing to recognise",
    # ---------------------------------------------------------------- errors
    "run exists": "{folder} already holds a run; go on with it with --resume, replace it with --overwrite, or give "
    "another --out",
    "run missing": "{folder} holds no run (no {file}); give the folder that `tinygrad-jp train --out` wrote",
    "run damaged": "{path} cannot be used ({why}); restore the file, or train again with --overwrite",
    "run version": "{path} is of version {version}, but this tinygrad_jp reads version {known}; update tinygrad_jp, "
    "or train again with --overwrite",
    "no checkpoint": "{folder} holds no checkpoint yet; finish an epoch first: tinygrad-jp train --out {folder} "
    "--resume",
    "other network": "{path} holds the weights of another network than {config} describes; put the right file back, "
    "or train again with --overwrite",
    "resume differs": "--resume goes on with what {path} says, and that is another {options}; leave it out (only "
    "--epochs may be raised), or train anew with another --out",
    "unknown": "there is no {kind} named {name!r}; {hint}",
    "near": "did you mean {near!r}?",
    "nearly": " (did you mean {near}?)",
    "there are": "there are {names}",
    "model": "model",
    "optimizer": "optimizer",
    "data set": "data set",
    "activation": "activation",
    "model takes": "the model {model} takes no {option}; it takes {takes}",
    "augment points": "--augment changes images, but {data} has points of the plane; leave it out",
    "other data": "{data} has examples of shape {shape} in {classes} classes, but this run takes {own_shape} in "
    "{own_classes}; give data of the same kind",
    "needs images": "{folder} was trained on points of the plane ({data}); predict reads images, give a run trained "
    "on images",
    "image missing": "{path}: there is no such file; check the path",
    "image unreadable": "{path}: cannot be read as an image ({why}); give a PNG, JPEG or another common format",
    "not drawn": "the graph was not drawn: {why}",
    "no safetensors": 'checkpoints need safetensors: pip install "tinygrad_jp[cli]"',
    "script syntax": "{path}, line {line}: this is no Python ({why}); correct it and try again",
    "script failed": "{path}, line {line}: {kind}: {why}",
    "script ended": "{path} ended with exit status {status}, so nothing was drawn",
    "no result": "{path} leaves nothing to step through: compute a Tensor of others with requires_grad=True and assign "
    "it to a name at the top level of the file, outside functions",
    "no such result": "{path} has no {name!r} at its top level; {hint}",
    "no results": "and no other result that could be stepped through",
    "result is no tensor": "{name} is of type {type}, not a Tensor; give the name of a computed Tensor",
    "result is a leaf": "nothing was computed for {name}: it is an input, was detached, or belongs to no_grad(); give "
    "the name of a result",
    "no gradients": "{name} has no gradients, so only the forward pass is played; call {name}.backward() in the file",
    "too many": "behind {name} are {count} operations, too many to step through (at most {most}); give an earlier "
    "result with --result, or allow more with --max-nodes {count}",
    "not html": "{path}: the page is an HTML file; let its name end with .html",
    "not opened": "{path} was saved, but no browser could be started; open it yourself",
    "no pillow": 'reading images needs Pillow: pip install "tinygrad_jp[cli]"',
    "no memory": "the memory does not suffice ({why}); take a smaller network (--hidden) or a smaller --batch-size",
    "training failed": "{why}",
    "data failed": "{why}",
    "drawing failed": "{why}",
    "failed": "{why}",
    "file failed": "{path}: {why}",
    # ---------------------------------------------------------------- wrong usage
    "see help": "{message}; see {command} --help",
    "no option": "there is no option {name}",
    "no command": "there is no command {name!r}",
    "missing": "{name} is missing",
    "bad value": "{name}: {message}",
    "no value": "{name} needs a value",
    "not a number": "{value!r} is not a number",
    "not whole": "{value!r} is not a whole number",
    "out of range": "{value!r} is out of range; give {range}",
    "resume or overwrite": "--resume and --overwrite exclude each other",
    "bad choice": "{value!r} is none of {names}",
    "extra": "{words} is too much",
    "empty path": "the path is empty; '.' is the current folder",
    "not sizes": "{value!r} is no list of unit counts; write for example 100,100",
    # ---------------------------------------------------------------- help: words
    "Usage": "Usage",
    "Options": "Options",
    "Commands": "Commands",
    "[options]": "[OPTIONS]",
    "[command]": "COMMAND",
    "help": "Show this page and exit.",
    "version": "Show the version and exit.",
    "lang": "The language of messages and help, en or ja. By default it follows TINYGRAD_JP_LANG, then the locale.",
    # ---------------------------------------------------------------- help: commands
    "program page": "Draws computational graphs and trains networks as『ゼロから作る Deep Learning』does.\n\n"
    "For example: tinygrad-jp train --hidden 100,100 --epochs 10 --out runs/first, then tinygrad-jp eval runs/first. "
    "`tinygrad-jp COMMAND --help` explains a command.",
    "demo": "Draws two graphs and trains a digit classifier.",
    "demo page": "Draws the computational graphs of the book's two shops with their gradients, then trains a "
    "784-50-10 network, written with Tensor operations only, on a genuine subset of MNIST. This takes about 10 "
    "seconds.",
    "demo out": "The folder for the pictures. The default is demo_output.",
    "train": "Trains a network and writes it to a folder.",
    "train page": "Trains a network and writes into a folder what is needed to use it: its configuration, its last "
    "and its best weights, its history and its learning curves.\n\n"
    "Ctrl-C ends the training cleanly, and --resume continues it to the same weights as if it had never been "
    "interrupted. `tinygrad-jp train --out DIR --resume` is enough for that; --epochs may be raised then.",
    "train model": "The network: {models}. The default is {model}.",
    "train hidden": "The number of units of each hidden layer, separated by commas; an empty text ('') means no "
    "hidden layer. The default is {hidden}.",
    "train activation": "The function after each hidden layer. The default is {activation}.",
    "train dropout": "The probability with which a hidden unit is dropped while training. The default is 0.",
    "train batch norm": "Normalizes every batch before each activation.",
    "train optimizer": "The rule by which the weights are updated: {optimizers}. The default is {optimizer}.",
    "train lr": "The learning rate. The default is that of the optimizer.",
    "train weight decay": "The strength of weight decay. The default is that of the optimizer.",
    "train batch size": "The number of examples in a batch. The default is {batch_size}.",
    "train epochs": "The number of passes over the training data, counted from the very beginning. The default is "
    "{epochs}.",
    "train data": "The data set: {data_sets}. mini is a genuine part of MNIST that needs no download. The default is "
    "{data}.",
    "train val": "The share of the training data that is kept for validation. The default is {val}; 0 means none.",
    "train augment": "Shifts, turns and scales the training images a little, at random.",
    "train seed": "The number from which all randomness follows. The default is {seed}.",
    "train patience": "Stops after more than N epochs without improvement. By default all epochs are run.",
    "train out": "The folder of the run. It must be given.",
    "train resume": "Goes on with the run in --out where it was interrupted.",
    "train overwrite": "Replaces the run in --out.",
    "eval": "Judges a run on test data.",
    "eval page": "Judges the best epoch of the run in the folder RUN on test data: accuracy and loss; precision, "
    "recall and F of each class; the confusion matrix, also as confusion.png; and the misclassified images, as "
    "misclassified.png.",
    "eval data": "The data set whose test data are used. By default it is the one the run was trained on.",
    "predict": "Tells what images show.",
    "predict page": "Tells what images show, by the run in the folder RUN. Each image is brought into the form the "
    "network was trained on. For MNIST this is white on black: an image whose background is light is inverted; an "
    "image of another size is cut to what is drawn, scaled to 20 × 20 pixels and centred in 28 × 28, as the digits of "
    "MNIST were.",
    "predict top": "The number of classes that are shown. The default is 3.",
    "predict invert": "Inverts every image, or none. By default an image is inverted if its background is light.",
    "graph": "Draws the computational graph of a run's network.",
    "graph page": "Draws the computational graph that the network of the run in the folder RUN makes of one example, "
    "with the shapes of its arrays.",
    "graph output": "The file to write; its suffix decides the format: .svg, .png, .pdf or .dot. The default is "
    "model.svg.",
    "plot": "Draws a run's learning curves and weights.",
    "plot page": "Draws the learning curves of the run in the folder RUN, and histograms of its weights, as "
    "learning_curves.png and weight_histograms.png into that folder.",
    "step": "Makes a page that plays a script's computation.",
    "step page": "Runs a Python file and makes a page of one of its Tensors, which plays the computation forward node "
    "by node and backward edge by edge. The page is one file and opens in any browser, without a network.",
    "step result": "The name of the Tensor, at the top level of the file. By default it is the one on which backward() "
    "was called last, or else the one computed last.",
    "step output": "The page to write. The default is the name of the file with .step.html, in the current folder.",
    "step max nodes": "At most this many operations are played. The default is {steps}.",
    "step open": "Opens the page in a browser.",
    "report": "Writes all about a run on one HTML page.",
    "report page": "Writes a page of HTML about the run in the folder RUN: its learning curves, its results on the "
    "test data with the confusion matrix and the misclassified images, the graph and the layers of its network, the "
    "filters and the weights it learned, its settings and its history. The page holds everything in itself.",
    "report output": "The file to write, .html. The default is report.html.",
}  # fmt: skip
