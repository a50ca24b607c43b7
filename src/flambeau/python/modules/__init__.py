"""Modules: what an `nn.Module` is to the compiler, and a scripted one to Python."""
