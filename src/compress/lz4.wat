;; The LZ4 block format: compressor and decompressor. Assembled into lz4-kernel.ts, which a test
;; compares with this source.
;;
;; A block is a row of sequences:
;;
;;     token        1 byte: literal count in the high half, match length - 4 in the low half;
;;                  15 means that more bytes follow, which are added up as long as they are 255
;;     more count   0 or more bytes
;;     literals     copied to the output
;;     distance     2 bytes, little-endian, 1 to 65535: where the match begins, back from here
;;     more length  0 or more bytes
;;
;; The last sequence ends with its literals. Rules for writers: the last 5 bytes are literals, and
;; the last match begins at least 12 bytes before the end.
;;
;; The caller lays out the memory: 8 KiB for the table of the compressor at 0, then the input, then
;; the output, each followed by 16 bytes that may be read and overwritten, because copies run in
;; steps of 8. Lengths are at most 16 MiB, so that no sum of lengths wraps.
;;
;; V8 does not inline calls between functions of a module, so the loops spell out hash and copy.
(module
  (memory (export "memory") 1)

  ;; Writes the part of a count that its half of the token could not hold; returns where it ended.
  (func $putRest (param $out i32) (param $rest i32) (result i32)
    (block $last
      (loop $more
        (br_if $last (i32.lt_u (local.get $rest) (i32.const 255)))
        (i32.store8 (local.get $out) (i32.const 255))
        (local.set $out (i32.add (local.get $out) (i32.const 1)))
        (local.set $rest (i32.sub (local.get $rest) (i32.const 255)))
        (br $more)))
    (i32.store8 (local.get $out) (local.get $rest))
    (i32.add (local.get $out) (i32.const 1)))

  ;; Returns the bytes written, or -1 if $capacity might not do.
  (func (export "compress")
    (param $src i32) (param $len i32) (param $dst i32) (param $capacity i32) (result i32)
    (local $end i32)         ;; of the input
    (local $searchEnd i32)   ;; the last place where a match may begin
    (local $matchEnd i32)    ;; where matches end at the latest
    (local $stop i32)        ;; end of the output
    (local $at i32)          ;; where a match is looked for, then where it begins
    (local $anchor i32)      ;; first byte that is not yet in the output
    (local $base i32)        ;; start of the window that the table is of
    (local $windowEnd i32)   ;; the last place in it where a match may begin
    (local $from i32)        ;; where the match is copied from
    (local $to i32)          ;; end of the match
    (local $out i32)         ;; where the output goes on
    (local $misses i32)      ;; counts up while nothing matches, so that steps grow
    (local $slot i32)        ;; address in the table
    (local $literals i32)
    (local $length i32)      ;; of the match, without the 4 bytes that it has at least
    (local $copyFrom i32) (local $copyTo i32) (local $copyEnd i32)
    (local $difference i64)

    (local.set $end (i32.add (local.get $src) (local.get $len)))
    (local.set $searchEnd (i32.sub (local.get $end) (i32.const 12)))
    (local.set $matchEnd (i32.sub (local.get $end) (i32.const 5)))
    (local.set $stop (i32.add (local.get $dst) (local.get $capacity)))
    (local.set $anchor (local.get $src))
    (local.set $out (local.get $dst))
    (local.set $misses (i32.const 32))
    (local.set $at (i32.add (local.get $src) (i32.const 1)))

    (block $searched
      (br_if $searched (i32.lt_u (local.get $len) (i32.const 13)))
      (loop $window
        ;; The table has the last place of each hash, from the start of a window. Zero, where
        ;; nothing was entered, is that start: a candidate like others, because the search begins
        ;; behind. What is entered of a match that ends beyond the window is wrong, but then the
        ;; window ends, and with it the table.
        (br_if $searched (i32.gt_u (local.get $at) (local.get $searchEnd)))
        (memory.fill (i32.const 0) (i32.const 0) (i32.const 8192))
        (local.set $base (i32.sub (local.get $at) (i32.const 1)))
        (local.set $windowEnd (i32.add (local.get $base) (i32.const 65535)))
        (if (i32.gt_u (local.get $windowEnd) (local.get $searchEnd))
          (then (local.set $windowEnd (local.get $searchEnd))))
        (loop $search
          (br_if $window (i32.gt_u (local.get $at) (local.get $windowEnd)))
          ;; Hash of 5 bytes by the golden ratio; 12 bits, times 2.
          (local.set $slot
            (i32.shl
              (i32.wrap_i64
                (i64.shr_u
                  (i64.mul
                    (i64.shl (i64.load (local.get $at)) (i64.const 24))
                    (i64.const 0x9E3779B97F4A7C15))
                  (i64.const 52)))
              (i32.const 1)))
          (local.set $from (i32.add (i32.load16_u (local.get $slot)) (local.get $base)))
          (i32.store16 (local.get $slot) (i32.sub (local.get $at) (local.get $base)))
          (if (i32.ne (i32.load (local.get $from)) (i32.load (local.get $at)))
            (then
              (local.set $at
                (i32.add (local.get $at) (i32.shr_u (local.get $misses) (i32.const 5))))
              (local.set $misses (i32.add (local.get $misses) (i32.const 1)))
              (br $search)))
          (local.set $misses (i32.const 32))

          ;; The match may begin earlier.
          (block $begun
            (loop $back
              (br_if $begun (i32.eq (local.get $at) (local.get $anchor)))
              (br_if $begun (i32.eq (local.get $from) (local.get $src)))
              (br_if $begun
                (i32.ne
                  (i32.load8_u (i32.sub (local.get $at) (i32.const 1)))
                  (i32.load8_u (i32.sub (local.get $from) (i32.const 1)))))
              (local.set $at (i32.sub (local.get $at) (i32.const 1)))
              (local.set $from (i32.sub (local.get $from) (i32.const 1)))
              (br $back)))

          ;; Its end: 8 bytes at a time, and the zero bits of the difference say where they part.
          (local.set $to (i32.add (local.get $at) (i32.const 4)))
          (local.set $copyFrom (i32.add (local.get $from) (i32.const 4)))
          (block $ended
            (loop $forward
              (local.set $difference
                (i64.xor (i64.load (local.get $to)) (i64.load (local.get $copyFrom))))
              (if (i64.ne (local.get $difference) (i64.const 0))
                (then
                  (local.set $to
                    (i32.add
                      (local.get $to)
                      (i32.wrap_i64
                        (i64.shr_u (i64.ctz (local.get $difference)) (i64.const 3)))))
                  (br $ended)))
              (local.set $copyFrom (i32.add (local.get $copyFrom) (i32.const 8)))
              (local.set $to (i32.add (local.get $to) (i32.const 8)))
              (br_if $forward (i32.lt_u (local.get $to) (local.get $matchEnd)))))
          (if (i32.gt_u (local.get $to) (local.get $matchEnd))
            (then (local.set $to (local.get $matchEnd))))

          ;; Room for this sequence and for a last one with 5 literals.
          (local.set $literals (i32.sub (local.get $at) (local.get $anchor)))
          (local.set $length
            (i32.sub (i32.sub (local.get $to) (local.get $at)) (i32.const 4)))
          (if
            (i32.gt_u
              (i32.add
                (i32.add (local.get $out) (local.get $literals))
                (i32.add
                  (i32.div_u
                    (i32.add (local.get $literals) (local.get $length))
                    (i32.const 255))
                  (i32.const 12)))
              (local.get $stop))
            (then (return (i32.const -1))))

          (i32.store8
            (local.get $out)
            (i32.or
              (i32.shl
                (select
                  (local.get $literals)
                  (i32.const 15)
                  (i32.lt_u (local.get $literals) (i32.const 15)))
                (i32.const 4))
              (select
                (local.get $length)
                (i32.const 15)
                (i32.lt_u (local.get $length) (i32.const 15)))))
          (local.set $out (i32.add (local.get $out) (i32.const 1)))
          (if (i32.ge_u (local.get $literals) (i32.const 15))
            (then
              (local.set $out
                (call $putRest
                  (local.get $out)
                  (i32.sub (local.get $literals) (i32.const 15))))))
          (local.set $copyFrom (local.get $anchor))
          (local.set $copyTo (local.get $out))
          (local.set $copyEnd (i32.add (local.get $out) (local.get $literals)))
          (loop $copy
            (i64.store (local.get $copyTo) (i64.load (local.get $copyFrom)))
            (local.set $copyFrom (i32.add (local.get $copyFrom) (i32.const 8)))
            (local.set $copyTo (i32.add (local.get $copyTo) (i32.const 8)))
            (br_if $copy (i32.lt_u (local.get $copyTo) (local.get $copyEnd))))
          (i32.store16 (local.get $copyEnd) (i32.sub (local.get $at) (local.get $from)))
          (local.set $out (i32.add (local.get $copyEnd) (i32.const 2)))
          (if (i32.ge_u (local.get $length) (i32.const 15))
            (then
              (local.set $out
                (call $putRest
                  (local.get $out)
                  (i32.sub (local.get $length) (i32.const 15))))))

          (local.set $anchor (local.get $to))
          (local.set $at (local.get $to))
          ;; One place within the match is entered as well.
          (i32.store16
            (i32.shl
              (i32.wrap_i64
                (i64.shr_u
                  (i64.mul
                    (i64.shl (i64.load (i32.sub (local.get $at) (i32.const 2))) (i64.const 24))
                    (i64.const 0x9E3779B97F4A7C15))
                  (i64.const 52)))
              (i32.const 1))
            (i32.sub (i32.sub (local.get $at) (i32.const 2)) (local.get $base)))
          (br $search))))

    ;; The last sequence: literals alone.
    (local.set $literals (i32.sub (local.get $end) (local.get $anchor)))
    (if
      (i32.gt_u
        (i32.add
          (i32.add (local.get $out) (local.get $literals))
          (i32.add
            (i32.div_u (i32.add (local.get $literals) (i32.const 240)) (i32.const 255))
            (i32.const 1)))
        (local.get $stop))
      (then (return (i32.const -1))))
    (if (i32.lt_u (local.get $literals) (i32.const 15))
      (then
        (i32.store8 (local.get $out) (i32.shl (local.get $literals) (i32.const 4)))
        (local.set $out (i32.add (local.get $out) (i32.const 1))))
      (else
        (i32.store8 (local.get $out) (i32.const 0xF0))
        (local.set $out
          (call $putRest
            (i32.add (local.get $out) (i32.const 1))
            (i32.sub (local.get $literals) (i32.const 15))))))
    (memory.copy (local.get $out) (local.get $anchor) (local.get $literals))
    (i32.sub (i32.add (local.get $out) (local.get $literals)) (local.get $dst)))

  ;; Returns 1 if the input stands for exactly $contentLen bytes, which then are at $dst; else 0.
  (func (export "decompress")
    (param $src i32) (param $len i32) (param $dst i32) (param $contentLen i32) (result i32)
    (local $end i32)         ;; of the input
    (local $stop i32)        ;; end of the output
    (local $out i32)         ;; where the output goes on
    (local $token i32)
    (local $count i32)       ;; literals, then length of the match
    (local $byte i32)
    (local $distance i32)
    (local $copyFrom i32) (local $copyTo i32) (local $copyEnd i32)

    (local.set $end (i32.add (local.get $src) (local.get $len)))
    (local.set $stop (i32.add (local.get $dst) (local.get $contentLen)))
    (local.set $out (local.get $dst))
    (loop $sequence
      (if (i32.ge_u (local.get $src) (local.get $end)) (then (return (i32.const 0))))
      (local.set $token (i32.load8_u (local.get $src)))
      (local.set $src (i32.add (local.get $src) (i32.const 1)))

      (local.set $count (i32.shr_u (local.get $token) (i32.const 4)))
      (if (i32.eq (local.get $count) (i32.const 15))
        (then
          (loop $more
            (if (i32.ge_u (local.get $src) (local.get $end)) (then (return (i32.const 0))))
            (local.set $byte (i32.load8_u (local.get $src)))
            (local.set $src (i32.add (local.get $src) (i32.const 1)))
            (local.set $count (i32.add (local.get $count) (local.get $byte)))
            (br_if $more (i32.eq (local.get $byte) (i32.const 255))))))
      (if (i32.gt_u (local.get $count) (i32.sub (local.get $end) (local.get $src)))
        (then (return (i32.const 0))))
      (if (i32.gt_u (local.get $count) (i32.sub (local.get $stop) (local.get $out)))
        (then (return (i32.const 0))))
      (if (i32.gt_u (local.get $count) (i32.const 64))
        (then (memory.copy (local.get $out) (local.get $src) (local.get $count)))
        (else
          (local.set $copyFrom (local.get $src))
          (local.set $copyTo (local.get $out))
          (local.set $copyEnd (i32.add (local.get $out) (local.get $count)))
          (loop $copy
            (i64.store (local.get $copyTo) (i64.load (local.get $copyFrom)))
            (local.set $copyFrom (i32.add (local.get $copyFrom) (i32.const 8)))
            (local.set $copyTo (i32.add (local.get $copyTo) (i32.const 8)))
            (br_if $copy (i32.lt_u (local.get $copyTo) (local.get $copyEnd))))))
      (local.set $src (i32.add (local.get $src) (local.get $count)))
      (local.set $out (i32.add (local.get $out) (local.get $count)))
      (if (i32.eq (local.get $src) (local.get $end))
        (then (return (i32.eq (local.get $out) (local.get $stop)))))

      (if (i32.lt_u (i32.sub (local.get $end) (local.get $src)) (i32.const 2))
        (then (return (i32.const 0))))
      (local.set $distance (i32.load16_u (local.get $src)))
      (local.set $src (i32.add (local.get $src) (i32.const 2)))
      (if (i32.eqz (local.get $distance)) (then (return (i32.const 0))))
      (if (i32.gt_u (local.get $distance) (i32.sub (local.get $out) (local.get $dst)))
        (then (return (i32.const 0))))

      (local.set $count (i32.and (local.get $token) (i32.const 15)))
      (if (i32.eq (local.get $count) (i32.const 15))
        (then
          (loop $more
            (if (i32.ge_u (local.get $src) (local.get $end)) (then (return (i32.const 0))))
            (local.set $byte (i32.load8_u (local.get $src)))
            (local.set $src (i32.add (local.get $src) (i32.const 1)))
            (local.set $count (i32.add (local.get $count) (local.get $byte)))
            (br_if $more (i32.eq (local.get $byte) (i32.const 255))))))
      (local.set $count (i32.add (local.get $count) (i32.const 4)))
      (if (i32.gt_u (local.get $count) (i32.sub (local.get $stop) (local.get $out)))
        (then (return (i32.const 0))))
      (local.set $copyFrom (i32.sub (local.get $out) (local.get $distance)))
      (local.set $copyTo (local.get $out))
      (local.set $copyEnd (i32.add (local.get $out) (local.get $count)))
      (if (i32.lt_u (local.get $distance) (i32.const 8))
        (then
          ;; The match repeats itself within 8 bytes. Behind the first 8 the same pattern stands at
          ;; the smallest multiple of the distance that is 8 or more.
          (local.set $byte (i32.const 8))
          (loop $single
            (i32.store8 (local.get $copyTo) (i32.load8_u (local.get $copyFrom)))
            (local.set $copyFrom (i32.add (local.get $copyFrom) (i32.const 1)))
            (local.set $copyTo (i32.add (local.get $copyTo) (i32.const 1)))
            (br_if $single (local.tee $byte (i32.sub (local.get $byte) (i32.const 1)))))
          (local.set $copyFrom
            (i32.sub
              (local.get $copyTo)
              (i32.mul
                (local.get $distance)
                (i32.div_u
                  (i32.add (local.get $distance) (i32.const 7))
                  (local.get $distance)))))))
      (loop $copy
        (i64.store (local.get $copyTo) (i64.load (local.get $copyFrom)))
        (local.set $copyFrom (i32.add (local.get $copyFrom) (i32.const 8)))
        (local.set $copyTo (i32.add (local.get $copyTo) (i32.const 8)))
        (br_if $copy (i32.lt_u (local.get $copyTo) (local.get $copyEnd))))
      (local.set $out (local.get $copyEnd))
      (br $sequence))
    (i32.const 0)))
