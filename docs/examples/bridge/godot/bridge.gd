# A game's side of the bridge for Godot 4, as an autoload; docs/bridge.md is the protocol.
#
# Godot 3 calls some things otherwise. Replace, here and in game.gd:
#   _peer.poll() -> pass
#   PackedByteArray -> PoolByteArray
#   JSON.stringify( -> to_json(
#   JSON.parse_string( -> parse_json(
#   to_utf8_buffer() -> to_utf8()
extends Node

signal seat_changed(holder, epoch)
signal chat(user, message)
signal reaction(kind, count)

const RETRY_SECONDS := 0.5
const MAX_LINE := 131072

var _peer := StreamPeerTCP.new()
var _host := ""
var _port := 0
var _line := PackedByteArray()
var _retry := 0.0


func _ready() -> void:
	var address := OS.get_environment("HOTSEAT_BRIDGE_ADDR")
	if address == "":
		set_process(false) # no playtest: play without an audience
		return
	var parts := address.split(":")
	_host = parts[0]
	_port = parts[1].to_int()


func _process(delta: float) -> void:
	_peer.poll()
	match _peer.get_status():
		StreamPeerTCP.STATUS_CONNECTED:
			_read()
		StreamPeerTCP.STATUS_CONNECTING:
			pass
		_:
			_retry -= delta
			if _retry <= 0.0: # the bridge may have been started again
				_retry = RETRY_SECONDS
				_line = PackedByteArray()
				_peer = StreamPeerTCP.new()
				var _refused = _peer.connect_to_host(_host, _port) # its status tells


func mark(message: String) -> void:
	_send({"action": "MARK", "message": message})


func caption(message: String) -> void:
	_send({"action": "CAPTION", "message": message})


func state(values: Dictionary) -> void:
	_send({"action": "STATE", "state": values})


func _send(message: Dictionary) -> void:
	if _peer.get_status() == StreamPeerTCP.STATUS_CONNECTED:
		var _lost = _peer.put_data((JSON.stringify(message) + "\n").to_utf8_buffer()) # nobody hears now


func _read() -> void:
	for byte in _peer.get_partial_data(65536)[1]: # does not wait; its end is seen in the status
		if byte == 10:
			_hear(_line.get_string_from_utf8())
			_line = PackedByteArray()
		elif _line.size() < MAX_LINE:
			_line.append(byte)


func _hear(line: String) -> void:
	var event = JSON.parse_string(line)
	if typeof(event) != TYPE_DICTIONARY:
		return
	match event.get("action", ""):
		"SEAT":
			emit_signal("seat_changed", event.get("holder"), int(event.get("epoch", 0)))
		"USER_CHAT_MESSAGE":
			emit_signal("chat", event.get("user", ""), event.get("message", ""))
		"STREAM_REACT":
			emit_signal("reaction", event.get("reaction", ""), int(event.get("count", 1)))
