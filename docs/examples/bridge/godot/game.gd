# A game without the game: it prints what the bridge says and marks one moment.
#
#   godot --headless --path docs/examples/bridge/godot --script game.gd
#
# For Godot 3, besides what bridge.gd says:
#   connect("seat_changed", _on_seat) -> connect("seat_changed", self, "_on_seat")
#   connect("chat", _on_chat) -> connect("chat", self, "_on_chat")
#   connect("reaction", _on_reaction) -> connect("reaction", self, "_on_reaction")
extends SceneTree

var _bridge: Node


func _initialize() -> void:
	_bridge = load("res://bridge.gd").new()
	_bridge.connect("seat_changed", _on_seat)
	_bridge.connect("chat", _on_chat)
	_bridge.connect("reaction", _on_reaction)
	get_root().add_child(_bridge)


func _on_seat(holder, epoch) -> void:
	if holder == null:
		print("nobody plays")
	else:
		print(holder.get("name"), " plays (", epoch, ")")


func _on_chat(user, message) -> void:
	print(user, ": ", message)
	if message == "!mark":
		_bridge.mark("the audience liked this")


func _on_reaction(kind, count) -> void:
	print(count, " x ", kind)
