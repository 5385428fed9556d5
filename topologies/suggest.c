/* The nearest known word, for "did you mean". */
#include "topologies/diagnostics.h"

enum { WORD_MAX = 64 };

static size_t smaller(size_t a, size_t b) {
    return a < b ? a : b;
}

/* Edits between two words, a swap of neighbours counting as one; three rows of the usual table. */
static size_t edit_distance(const char *a, size_t a_len, const char *b, size_t b_len) {
    size_t rows[3][WORD_MAX + 1];
    size_t *before = rows[0], *above = rows[1], *row = rows[2];
    for (size_t j = 0; j <= b_len; j++) {
        above[j] = j;
    }
    for (size_t i = 1; i <= a_len; i++) {
        row[0] = i;
        for (size_t j = 1; j <= b_len; j++) {
            size_t change = above[j - 1] + (a[i - 1] != b[j - 1]);
            row[j] = smaller(change, smaller(above[j], row[j - 1]) + 1);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
                row[j] = smaller(row[j], before[j - 2] + 1);
            }
        }
        size_t *spare = before;
        before = above;
        above = row;
        row = spare;
    }
    return above[b_len];
}

const char *mr_suggest(const char *word, const char *const *candidates, size_t count) {
    size_t len = strlen(word);
    if (len < 2 || len > WORD_MAX) { /* one letter is near to every other one */
        return NULL;
    }
    /* Two edits turn any short word into any other. */
    size_t nearest = len <= 3 ? 1 : len / 3 > 2 ? len / 3 : 2;
    const char *best = NULL;
    for (size_t i = 0; i < count; i++) {
        size_t candidate_len = strlen(candidates[i]);
        if (candidate_len > WORD_MAX) {
            continue;
        }
        size_t distance = edit_distance(word, len, candidates[i], candidate_len);
        if (distance < nearest || (distance == nearest && best == NULL)) {
            nearest = distance;
            best = candidates[i];
        }
    }
    return best;
}
