"""What layout.py runs in a process of its own: DOT text comes in, and a picture goes out, in the format that the argument names."""

import sys

import pygraphviz

if __name__ == "__main__":
    graph = pygraphviz.AGraph(string=sys.stdin.buffer.read().decode())
    sys.stdout.buffer.write(graph.draw(format=sys.argv[1], prog="dot"))
