"""A graph of nodes in an order in which they can run: what makes a value, and what depends on it."""


class Walk:
    """Nodes with an `op_type` and the names of their outputs as `output`."""

    #: Whether a node can be run by itself on what it was given.
    runs_alone = True

    def __init__(self, nodes, inputs, outputs):
        self.nodes, self.inputs, self.outputs = nodes, inputs, outputs
        self.maker = {name: at for at, node in enumerate(nodes) for name in node.output if name}
        self._takes = [list(dict.fromkeys(filter(None, self.used(node)))) for node in nodes]

    def used(self, node):
        """Return the names a node uses."""
        return node.input

    def takes(self, at):
        """Return the names that the node at a position uses."""
        return self._takes[at]

    def made(self):
        """Return the names of all values that nodes make, in graph order."""
        return list(self.maker)

    def operator(self, name):
        """Return the operator that makes a value; empty for an input."""
        return self.nodes[self.maker[name]].op_type if name in self.maker else ""

    def carries(self, name, names):
        """Return whether a value was made of one of names that holds the same numbers."""
        return name in self.maker and any(used in names for used in self.takes(self.maker[name]))

    def below(self, names):
        """Return every value that depends on one of names, nearest first."""
        known, found = set(names), []
        for node in range(len(self.nodes)):  # the nodes are in an order in which they can run
            if known.intersection(self.takes(node)):
                new = [name for name in self.nodes[node].output if name and name not in known]
                known.update(new)
                found += new
        return found

    def needed(self, names, known=()):
        """Return the positions of the nodes that make `names` out of what is known, in graph order."""
        found, todo = set(), list(names)
        while todo:
            at = self.maker.get(todo.pop())
            if at is not None and at not in found:
                found.add(at)
                todo += [used for used in self.takes(at) if used not in known]
        return sorted(found)
