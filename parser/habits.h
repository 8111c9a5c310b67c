/* What other languages call things: the table of parser/habits.def. Called where a name is not
 * known or a syntax error is reported. */
#ifndef BPC_PARSER_HABITS_H
#define BPC_PARSER_HABITS_H

typedef enum HabitPlace {
    HABIT_DECLARATION,
    HABIT_STATEMENT,
    HABIT_NAME,
    HABIT_FUNCTION,
    HABIT_TYPE,
    HABIT_MEMBER
} HabitPlace;

const char *habit_hint(HabitPlace place, const char *word); /* NULL: none is known */

#endif
