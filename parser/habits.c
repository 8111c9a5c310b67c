/* See parser/habits.h. */
#include "parser/habits.h"

#include <stddef.h>
#include <string.h>

const char *habit_hint(HabitPlace place, const char *word) {
    static const struct {
        HabitPlace place;
        const char *word, *hint;
    } habits[] = {
#define HABIT(place, word, hint) {HABIT_##place, word, hint},
#include "parser/habits.def"
#undef HABIT
    };
    for (size_t i = 0; i < sizeof habits / sizeof habits[0]; i++) {
        if (habits[i].place == place && strcmp(habits[i].word, word) == 0) {
            return habits[i].hint;
        }
    }
    return NULL;
}
