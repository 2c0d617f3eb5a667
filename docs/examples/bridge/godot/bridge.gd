# A game's side of the bridge for Godot 4, as an autoload; docs/bridge.md is the protocol.
extends Node

signal seat_changed(holder, epoch)
signal chat(user, message)
signal reaction(kind, count)

const RETRY_SECONDS := 0.5
const MAX_LINE := 131072

var _peer := StreamPeerTCP.new()
var _host := ""
var _port := 0
var _buffer := PackedByteArray()
var _retry := 0.0


func _ready() -> void:
	var address := OS.get_environment("HOTSEAT_BRIDGE_ADDR")
	if address.is_empty():
		set_process(false) # no playtest: play without an audience
		return
	_host = address.get_slice(":", 0)
	_port = address.get_slice(":", 1).to_int()


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
				_buffer.clear()
				_peer = StreamPeerTCP.new()
				_peer.connect_to_host(_host, _port)


func mark(message: String) -> void:
	_send({"action": "MARK", "message": message})


func caption(message: String) -> void:
	_send({"action": "CAPTION", "message": message})


func state(values: Dictionary) -> void:
	_send({"action": "STATE", "state": values})


func _send(line: Dictionary) -> void:
	if _peer.get_status() == StreamPeerTCP.STATUS_CONNECTED:
		_peer.put_data((JSON.stringify(line) + "\n").to_utf8_buffer())


func _read() -> void:
	var available := _peer.get_available_bytes()
	if available <= 0:
		return
	_buffer.append_array(_peer.get_data(available)[1])
	var end := _buffer.find(10)
	while end >= 0:
		_hear(_buffer.slice(0, end).get_string_from_utf8())
		_buffer = _buffer.slice(end + 1)
		end = _buffer.find(10)
	if _buffer.size() > MAX_LINE:
		_peer.disconnect_from_host()


func _hear(line: String) -> void:
	var event = JSON.parse_string(line)
	if typeof(event) != TYPE_DICTIONARY:
		return
	match event.get("action", ""):
		"SEAT":
			seat_changed.emit(event.get("holder"), int(event.get("epoch", 0)))
		"USER_CHAT_MESSAGE":
			chat.emit(event.get("user", ""), event.get("message", ""))
		"STREAM_REACT":
			reaction.emit(event.get("reaction", ""), int(event.get("count", 1)))
