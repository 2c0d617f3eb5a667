package config

import "strconv"

// The sample's rules for values: what cannot be read falls back to the default. Unlike the
// sample we say so.

func (r *reader) ingest(name, v string) string {
	switch v {
	case "", IngestWHIP:
		return IngestWHIP
	case IngestRTMP, IngestBoth:
		return v
	}
	r.warn("%s: unknown ingest type %q, using %s", name, v, IngestWHIP)
	return IngestWHIP
}

func (r *reader) encoder(v string) string {
	switch v {
	case "", EncoderGPU:
		return EncoderGPU
	case EncoderCPU:
		return EncoderCPU
	}
	r.warn("ENCODER_TYPE: unknown encoder %q, using %s", v, EncoderGPU)
	return EncoderGPU
}

func (r *reader) positive(name, v string, def int) int {
	if v == "" {
		return def
	}
	n, err := strconv.Atoi(v)
	if err != nil || n <= 0 {
		r.warn("%s: %q is not a number above 0, using %d", name, v, def)
		return def
	}
	return n
}

// number is a number from 0 in decimal or, as X tools write it, 0x…; 0 when there is none.
func (r *reader) number(name string) int {
	v := r.get(name)
	if v == "" {
		return 0
	}
	n, err := strconv.ParseUint(v, 0, 31)
	if err != nil {
		r.warn("%s: %q is not a number from 0, so it is not used", name, v)
		return 0
	}
	return int(n)
}

// defaultQueue is five pictures.
const defaultQueue = 5

func (r *reader) queue(v string) int {
	if v == "" {
		return defaultQueue
	}
	n, err := strconv.Atoi(v)
	if err != nil || n < 0 {
		r.warn("QUEUE_BUFFER_SIZE: %q is not a number from 0, using %d", v, defaultQueue)
		return defaultQueue
	}
	return queueFrames(n)
}

// queueFrames: 0 is "unlimited" in the sample, which here is maxQueue.
func queueFrames(n int) int {
	if n == 0 || n > maxQueue {
		return maxQueue
	}
	return n
}

// truth is the sample's: only "true" and "1" are true.
func truth(v string, def bool) bool {
	if v == "" {
		return def
	}
	return v == "true" || v == "1"
}

// defaultNice gives the game about three times the processor of the broadcast when both want it
// all, and nothing when there is enough for both (sched(7), the weight of nice values).
const defaultNice = 5

func (r *reader) nice(v string) int {
	if v == "" {
		return defaultNice
	}
	n, err := strconv.Atoi(v)
	if err != nil || n < 0 || n > 19 {
		r.warn("HOTSEAT_NICE: %q is not a number from 0 to 19, using %d", v, defaultNice)
		return defaultNice
	}
	return n
}

func (r *reader) logFormat(v string) string {
	switch v {
	case "", LogText:
		return LogText
	case LogJSON:
		return LogJSON
	}
	r.warn("HOTSEAT_LOG_FORMAT: unknown format %q, using %s", v, LogText)
	return LogText
}
