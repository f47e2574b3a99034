// Names of customers and of the shop's own staff; all invented, none belongs to a record.

export const FIRST_NAMES = [
  'Ada', 'Amir', 'Anita', 'Bela', 'Bruno', 'Carla', 'Chen', 'Clara', 'Dario', 'Diana', 'Edith', 'Elif', 'Emil', 'Esra', 'Farid',
  'Fiona', 'Goran', 'Greta', 'Hana', 'Hugo', 'Ida', 'Igor', 'Ines', 'Ivo', 'Jana', 'Jonas', 'Jürgen', 'Karim', 'Katja', 'Lena',
  'Leon', 'Lucia', 'Mara', 'Marek', 'Maria', 'Milan', 'Nadia', 'Nils', 'Noah', 'Olga', 'Omar', 'Paula', 'Pedro', 'Petra', 'Rafael',
  'Rosa', 'Samir', 'Sara', 'Selma', 'Simon', 'Sofia', 'Tariq', 'Teresa', 'Theo', 'Uma', 'Vera', 'Viktor', 'Wanda', 'Yusuf', 'Zoë',
] as const;

export const LAST_NAMES = [
  'Adler', 'Aydin', 'Baker', 'Becker', 'Berg', 'Bianchi', 'Brandt', 'Carter', 'Castro', 'Cohen', 'Conti', 'Costa', 'Demir', 'Dubois',
  'Eriksen', 'Ferrari', 'Fischer', 'Fuchs', 'Garcia', 'Gruber', 'Haas', 'Hansen', 'Hoffman', 'Holm', 'Horvat', 'Ivanov', 'Jansen',
  'Kaya', 'Keller', 'Khan', 'Klein', 'Kovacs', 'Kruger', 'Lang', 'Larsen', 'Lopez', 'Marino', 'Meyer', 'Moreau', 'Murphy', 'Nagy',
  'Novak', 'Núñez', 'Olsen', 'Patel', 'Pereira', 'Petrov', 'Quinn', 'Ramos', 'Ricci', 'Rossi', 'Roth', 'Santos', 'Schmidt', 'Silva',
  'Singh', 'Sommer', 'Stein', 'Tanaka', 'Torres', 'Vogel', 'Weber', 'Wolf', 'Young', 'Zimmer',
] as const;

/** People of the shop who appear in chats, notes and forwarded mail: never the customer. */
export const STAFF_NAMES = ['Mia', 'Tom', 'Ben', 'Lisa', 'Kai', 'Nora', 'Max', 'Eva'] as const;
